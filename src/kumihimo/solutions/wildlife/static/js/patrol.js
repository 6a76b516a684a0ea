// The round from where the telephone is.
const button = document.querySelector("#from-here");
button.hidden = !("geolocation" in navigator);
button.addEventListener("click", () => {
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    const place = new URLSearchParams({ lon: coords.longitude.toFixed(5), lat: coords.latitude.toFixed(5) });
    location.search = place.toString();
  }, () => {
    document.querySelector("#said").textContent = button.dataset.tFailed;
  }, { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
});
