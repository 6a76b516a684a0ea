// One look at the page for all its parts: GETs of one address that start together share one answer.
const TOGETHER = 100; // ms; the next round of changes starts later than this
const running = new Map();

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.request.method === "GET") {
    ctx.fetch = share;
  }
});

async function share(address, request) {
  if (!running.has(address)) {
    // Without the asking element's own abort signal: the answer belongs to all of them.
    running.set(address, fetch(address, { ...request, signal: undefined }));
    setTimeout(() => running.delete(address), TOGETHER);
  }
  return (await running.get(address)).clone();
}
