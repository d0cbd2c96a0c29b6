// The gateway's API, as docs/openapi.json describes it.

const key = 'sttgate.token'; // of sessionStorage: this tab only, and no longer than it

export const token = {
  get: () => sessionStorage.getItem(key) ?? '',
  set: (t) => sessionStorage.setItem(key, t),
  forget: () => sessionStorage.removeItem(key),
};

// Problem is an answer that is no success, or none at all (status 0).
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const patience = 10_000; // ms

export async function call(method, path, body, headers = {}) {
  const h = new Headers(headers);
  if (token.get()) {
    try {
      h.set('Authorization', `Bearer ${token.get()}`);
    } catch {
      throw new Problem(401, 'No token has such characters.');
    }
  }
  if (body !== undefined) h.set('Content-Type', 'application/json');
  let answer, of;
  try {
    answer = await fetch(new URL(`admin/v1/${path}`, document.baseURI), {
      method, headers: h, body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(patience),
    });
    of = await answer.json();
  } catch {
    if (!answer) throw new Problem(0, 'The gateway does not answer.');
    throw new Problem(answer.status, `The answer is not the gateway's: ${answer.status}.`);
  }
  if (!answer.ok) throw new Problem(answer.status, String(of?.detail ?? of?.title ?? answer.status));
  return of;
}

export const get = (path) => call('GET', path);
export const userPath = (who, rest = '') => `users/${encodeURIComponent(who)}${rest}`;

// nonce names a request, so that it counts once though it may be sent twice.
export function nonce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
