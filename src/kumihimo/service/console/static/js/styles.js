// Brings a component's style sheet to the page, once.
const sheets = new Map();

export function addStyle(path) {
  const href = new URL(path, import.meta.url).href;
  if (!sheets.has(href)) {
    sheets.set(href, new Promise((resolve, reject) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = href;
      link.onload = resolve;
      link.onerror = () => reject(new Error(`${href} did not load`));
      document.head.prepend(link);
    }));
  }
  return sheets.get(href);
}
