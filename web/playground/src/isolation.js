// Asks the service worker for the isolation headers where the server has not set them.

/** How long the service worker may take, in milliseconds. */
const PATIENCE = 4000;

/** Whether the page is isolated now; it may be loaded anew first, once. */
export async function isolate() {
  if (globalThis.crossOriginIsolated) return true;
  if (!globalThis.isSecureContext || !('serviceWorker' in navigator) || sessionStorage.getItem('isolating')) return false;
  try {
    if (!(await navigator.serviceWorker.register('sw.js'))) return false;
    const late = new Promise((_, reject) => setTimeout(reject, PATIENCE));
    await Promise.race([navigator.serviceWorker.ready, late]);
  } catch {
    return false;
  }
  // Once: if it does not help, it never will.
  sessionStorage.setItem('isolating', 'tried');
  location.reload();
  return new Promise(() => {});
}
