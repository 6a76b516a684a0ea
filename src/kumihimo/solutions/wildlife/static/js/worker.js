// Keeps the report page and what it loads, so that it opens without a net. Everything else goes to the net as always.
const KEPT = "kumihimo-wildlife-2";
const page = new URL("report", self.registration.scope).pathname;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepAll().catch((problem) => console.warn("worker", problem.message)));
});
self.addEventListener("activate", (event) => event.waitUntil(dropOlder().then(() => self.clients.claim())));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, origin } = new URL(request.url);
  const ours = origin === self.location.origin && (pathname === page || pathname.startsWith("/static/"));
  if (request.method === "GET" && ours) {
    event.respondWith(answer(request, pathname));
  }
});

// What an earlier form of this worker kept.
async function dropOlder() {
  const older = (await caches.keys()).filter((name) => name.startsWith("kumihimo-wildlife-") && name !== KEPT);
  await Promise.all(older.map((name) => caches.delete(name)));
}

// The page and what it names, so that it is whole without a net from the first visit on.
async function keepAll() {
  const kept = await caches.open(KEPT);
  const answer = await fetch(page);
  if (!answer.ok || answer.redirected) {
    return;
  }
  const text = await answer.clone().text();
  await kept.put(page, answer);
  const named = Array.from(text.matchAll(/(?:src|href)="(\/static\/[^"]+)"/g), ([, path]) => path);
  await kept.addAll([...new Set(named)]); // one that is named twice would be refused
}

// The net first: what was kept is only for when there is none.
async function answer(request, pathname) {
  const kept = await caches.open(KEPT);
  try {
    const fresh = await fetch(request);
    if (fresh.ok && !fresh.redirected) {
      await kept.put(pathname, fresh.clone());
    }
    return fresh;
  } catch (problem) {
    const found = await kept.match(pathname);
    if (found) {
      return found;
    }
    throw problem;
  }
}
