// Users at a stage.

import { get } from './api.js';
import { el, id, moment, show, sync, text } from './dom.js';
import { away, clock, count } from './format.js';

let stage = ''; // which is listed; '': all of them

// people lists those at the stage that is chosen; o is the newest overview, which has the counts.
export async function people(o) {
  const all = [['', 'all', undefined], ...Object.entries(o.users.stages).filter(([, n]) => n > 0 || stage).map(([s, n]) => [s, s, n])];
  sync(id('stages'), all, ([s]) => s, ([s]) => {
    const b = el('button', { type: 'button', class: 'chip', 'data-stage': s });
    b.addEventListener('click', () => {
      stage = s;
      people(o).catch(() => {}); // the poll says what is wrong
    });
    return b;
  }, (b, [s, label, n]) => {
    text(b, n === undefined ? label : `${label} ${count(n)}`);
    b.setAttribute('aria-pressed', String(s === stage));
  });
  const asked = stage;
  const page = await get(`users?${new URLSearchParams(asked ? { stage: asked, limit: 50 } : { limit: 50 })}`);
  if (asked !== stage) return; // another was chosen meanwhile
  show(id('users-none'), page.users.length === 0);
  sync(id('users'), page.users, (u) => u.user, (u) => el('li', { 'data-user': u.user },
    el('p', { class: 'row' }, el('a', { href: `#user=${encodeURIComponent(u.user)}` }, u.user), badge(u.stage, u.exempt)), el('p', { class: 'muted' })), (e, u) => {
    e.querySelector('.badge').replaceWith(badge(u.stage, u.exempt));
    e.lastElementChild.replaceChildren(...since(u, o.at), ...(u.case ? [' · ', caseLink(u.case)] : []));
  });
}

// since says how a user came to a stage, and for how long it holds.
export function since(u, now) {
  const out = [];
  if (u.since) out.push('since ', moment('since', u.since, clock(u.since)));
  if (u.until) out.push(', until ', moment('until', u.until, `${clock(u.until)} (${away(u.until, now)})`));
  if (u.cause) out.push(` · ${u.cause}`);
  return out.length ? out : ['nothing has happened yet'];
}

export const caseLink = (ref) => el('a', { href: `#case=${encodeURIComponent(ref)}` }, ref);

export function badge(stage, exempt) {
  const mood = { none: 'ok', warning: 'warn', throttle: 'warn', restrict: 'bad' }[stage] ?? '';
  const mark = { none: '○', warning: '◔', throttle: '◑', restrict: '●' }[stage] ?? '?';
  return el('span', { class: `badge ${mood}`, 'data-is': 'stage' }, `${mark} ${stage}${exempt ? ', exempt' : ''}`);
}
