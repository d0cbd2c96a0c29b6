// One user: stage, budgets, what a connect would be told and why, history.

import { get, userPath } from './api.js';
import { changes, grant } from './changes.js';
import { el, figure, id, meter, moment, show, sync, text } from './dom.js';
import { away, clock, count, span } from './format.js';
import { fillStream, streamHead, streamRow } from './live.js';
import { badge, caseLink, since } from './people.js';

const stages = ['none', 'warning', 'throttle', 'restrict'];

let who = '';

// open shows a user; close takes them away.
export function open(name, vendors, again) {
  who = name;
  const box = id('user');
  const part = (is, tag, attrs = {}) => el(tag, { 'data-part': is, ...attrs });
  const vendor = el('select', { id: 'explain-provider' }, ...vendors.map((v) => el('option', { value: v }, v)));
  const plan = el('input', { id: 'explain-plan', type: 'text', autocomplete: 'off', placeholder: 'any', maxlength: '128', size: '8' });
  for (const e of [vendor, plan]) e.addEventListener('change', again);
  box.replaceChildren(
    el('div', { class: 'row head' }, el('h2', { id: 'user-title', tabindex: '-1' }, name), part('badge', 'span'), el('span', { class: 'grow' }), el('a', { href: '#', class: 'quiet' }, 'Close')),
    part('since', 'p', { class: 'muted' }), part('reason', 'p'),
    el('p', { class: 'buttons' }, ...changes(name, stages, again)),
    el('div', { class: 'halves' },
      el('div', {},
        el('h3', {}, 'Budgets'), part('budgets', 'ul', { class: 'list' }), part('nobudgets', 'p', { class: 'muted' }),
        el('h3', {}, 'Use'), part('usage', 'p', { class: 'muted' })),
      el('div', {},
        el('h3', {}, 'What would a connect be told?'),
        el('p', { class: 'row start' }, el('label', { for: 'explain-provider' }, 'At'), vendor, el('label', { for: 'explain-plan' }, 'on plan'), plan),
        part('decision', 'p', { class: 'decision', 'aria-live': 'polite' }), part('rules', 'ol', { class: 'rules' }))),
    el('h3', {}, 'Streams ', part('running', 'span', { class: 'count' })),
    el('table', { role: 'table', class: 'wide', 'aria-label': `Streams of ${name}` }, streamHead(), part('streams', 'tbody', { role: 'rowgroup' })),
    el('h3', {}, 'History'), part('events', 'ol', { class: 'list' }), part('noevents', 'p', { class: 'muted' }));
  show(box, true);
  id('user-title').focus();
}

export function close() {
  who = '';
  show(id('user'), false);
  id('user').replaceChildren();
}

export const shown = () => who;

// refresh asks for the user again.
export async function refresh(again) {
  const name = who;
  if (!name) return;
  const q = new URLSearchParams({ provider: id('explain-provider').value });
  const plan = id('explain-plan').value.trim();
  if (plan) q.set('plan', plan);
  const [u, x] = await Promise.all([get(userPath(name)), get(userPath(name, `/explain?${q}`))]);
  if (who !== name) return; // another was opened meanwhile
  const part = (is) => id('user').querySelector(`[data-part=${is}]`);
  part('badge').replaceChildren(badge(u.stage, x.rules.some((r) => r.rule === 'lifted' && r.says === 'hit')));
  part('since').replaceChildren(...since(u, u.at), ...(u.by ? [` · by ${u.by}`] : []));
  text(part('reason'), u.reason ? `“${u.reason}”` : '');
  budgets(part, u, again);
  part('usage').replaceChildren(...u.usage.flatMap((w, i) => [i ? ' · ' : '', figure(`usage-${w.window}`, w.audio_ms, span(w.audio_ms)), ` in ${w.window}`]));
  explain(part, x);
  text(part('running'), `${count(u.running)} on all gateways`);
  part('running').dataset.value = u.running;
  sync(part('streams'), u.streams, (s) => s.id, (s) => streamRow(s, again), fillStream);
  events(part, u);
}

function budgets(part, u, again) {
  const of = (b) => ({ provider: `shared by all users of ${b.provider}`, all: 'shared by all users' })[b.per];
  text(part('nobudgets'), u.budgets.length ? '' : 'No budget holds for this user now.');
  sync(part('budgets'), u.budgets, (b) => b.budget, (b) => el('li', { 'data-budget': b.budget },
    el('p', { class: 'row' }, el('strong', {}, b.budget), ...(b.per === 'user' ? [grant(u.user, b.budget, again)] : [])),
    meter(`used of ${b.budget}`), el('p', { class: 'muted' })), (e, b) => {
    const all = b.limit_ms + (b.granted_ms ?? 0);
    e.querySelector('.meter').set(b.used_ms, all, `${span(b.used_ms)} used of ${span(all)}`);
    e.lastElementChild.replaceChildren(
      figure('remaining', b.remaining_ms, span(b.remaining_ms)), ' left · ', figure('used', b.used_ms, span(b.used_ms)), ' used of ', figure('limit', b.limit_ms, span(b.limit_ms)),
      ` per ${b.window}`, ...(b.granted_ms ? [' and ', figure('granted', b.granted_ms, span(b.granted_ms)), ' given'] : []),
      ...(b.resets ? [' · resets ', moment('resets', b.resets, `${clock(b.resets)} (${away(b.resets, u.at)})`)] : []),
      ...(of(b) ? [` · ${of(b)}`] : []), ...(b.shadow ? [' · only watched: nobody is stopped by it'] : []));
  });
}

function explain(part, x) {
  const no = x.decision !== 'allow';
  const d = part('decision');
  text(d, no ? `▲ refused: ${(x.reason || 'deny').replaceAll('_', ' ')}` : '✓ allowed');
  d.className = `decision ${no ? 'bad' : 'ok'}`;
  d.dataset.decision = x.decision;
  d.dataset.reason = x.reason ?? '';
  const marks = { pass: '✓', hit: '▲', skip: '–', info: 'i' };
  const words = { pass: 'nothing against it', hit: 'it fires', skip: 'does not apply', info: 'a fact' };
  sync(part('rules'), x.rules, (r) => `${r.rule} ${r.name ?? ''}`, (r) => el('li', {},
    el('span', { class: 'mark' }), el('span', { class: 'away' }), el('strong', {}, `${r.rule} ${r.name ?? ''}`.trim()), ' ', el('span', { 'data-is': 'text' })), (e, r) => {
    e.className = `says-${r.says}`;
    text(e.querySelector('.mark'), marks[r.says] ?? '?');
    e.querySelector('.mark').setAttribute('aria-hidden', 'true');
    text(e.querySelector('.away'), `${words[r.says] ?? r.says}: `);
    text(e.querySelector('[data-is=text]'), r.text);
  });
}

function events(part, u) {
  text(part('noevents'), u.events.length ? '' : 'Nothing has happened yet.');
  sync(part('events'), u.events, (v) => `${v.at} ${v.from} ${v.to} ${v.case ?? ''}`, (v) => el('li', {},
    el('p', { class: 'row start' }, moment('at', v.at, clock(v.at)), el('span', {}, `${v.from} → ${v.to}`), el('span', { class: 'muted' }, v.cause + (v.shadow ? ', only watched' : '')),
      ...(v.case ? [caseLink(v.case)] : [])),
    el('p', { class: 'muted' }, [v.reason && `“${v.reason}”`, v.by && `by ${v.by}`].filter(Boolean).join(' '))), () => {});
}
