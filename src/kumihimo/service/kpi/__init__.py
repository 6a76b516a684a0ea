"""Room: figures that say whether a measure worked, each with its lineage down to the readings; and the measures.

Owns: measure, measure_version, measure_note, kpi_public
Says: screens.{tenant}: a measure changed or a review was noted
Hears: nothing
Door: models, monthly, measures, door, measures_door, screens, measures_screens, effect, export, public.door,
      public.pages
"""
