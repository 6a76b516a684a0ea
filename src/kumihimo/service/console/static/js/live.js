// Follows the tenant's stream of changes: fires `km:change` on the body, shows the stale banner when the stream is gone.
const SETTLE = 200; // ms in which changes are folded into one event
const BREATH = 500; // ms at least between two such events, however fast the town changes; a look after a gap is no change
const GONE = 3000; // ms without a stream before the page says so
const SILENCE = 8000; // ms without a word (a ping comes every 5 s) before the stream counts as gone
const AGAIN = 1500; // ms before the next attempt where the browser gave up

export function follow(body) {
  const types = (body.dataset.liveTypes || "").split(" ").filter(Boolean);
  const state = { source: null, entities: new Map(), everything: false, isNews: false, settle: 0, fired: 0, gone: 0, silence: 0, again: 0, lost: false, behind: true };
  // behind: changes may have passed untold (before the first word, while the stream was gone, while the page was hidden).

  function matters(entity) {
    return types.length === 0 || types.includes(entity.id) || entity.types.some((type) => types.includes(type));
  }

  function fire() {
    state.settle = 0;
    if (state.isNews) {
      state.fired = performance.now();
    }
    const detail = { everything: state.everything, entities: [...state.entities.values()] };
    state.entities.clear();
    state.everything = false;
    state.isNews = false;
    body.dispatchEvent(new CustomEvent("km:change", { detail, bubbles: true }));
  }

  function note(change, isNews) {
    const entities = change.entities.filter(matters);
    if (change.entities.length > 0 && entities.length === 0) {
      return;
    }
    state.isNews = state.isNews || isNews;
    state.everything = state.everything || change.entities.length === 0;
    for (const entity of entities) {
      state.entities.set(entity.id, entity);
    }
    if (!state.settle) {
      state.settle = setTimeout(fire, Math.max(SETTLE, state.fired + BREATH - performance.now()));
    }
  }

  function heard() {
    clearTimeout(state.gone);
    clearTimeout(state.silence);
    state.gone = 0;
    state.silence = setTimeout(() => {
      lose(0);
      open();
    }, SILENCE);
    if (state.lost) {
      state.lost = false;
      show(false);
    }
    if (state.behind) {
      state.behind = false;
      note({ entities: [] }, false);
    }
  }

  function lose(wait) {
    state.behind = true;
    if (state.gone || state.lost) {
      return;
    }
    state.gone = setTimeout(() => {
      state.gone = 0;
      state.lost = true;
      show(true);
    }, wait);
  }

  function open() {
    clearTimeout(state.again);
    state.source?.close();
    const source = new EventSource(body.dataset.live);
    state.source = source;
    source.addEventListener("ping", heard);
    source.addEventListener("change", (event) => {
      heard();
      note(JSON.parse(event.data), true);
    });
    source.addEventListener("error", () => {
      lose(GONE);
      if (source.readyState === EventSource.CLOSED) {
        state.again = setTimeout(open, AGAIN);
      }
    });
  }

  function rest() {
    // A hidden page gives its connection back: a browser opens only six to one server.
    clearTimeout(state.again);
    clearTimeout(state.gone);
    clearTimeout(state.silence);
    state.gone = 0;
    state.source?.close();
    state.behind = true;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : open()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
}

function show(stale) {
  const banner = document.getElementById("km-stale");
  banner.textContent = stale ? banner.dataset.text : "";
  document.body.classList.toggle("km-is-stale", stale);
}
