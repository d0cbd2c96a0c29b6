// What the overview shows: streams, refusals, vendors, the store.

import { call } from './api.js';
import { ask } from './act.js';
import { button, el, figure, id, meter, moment, put, show, sync, text } from './dom.js';
import { away, clock, count, micros, span } from './format.js';

const marks = { forwarding: '▶', dropping: '■', paced: '◐', ending: '○' };
const moods = { forwarding: 'ok', dropping: 'bad', paced: 'warn', ending: 'muted' };

// streams fills the table; again is called when one was ended.
export function streams(o, again) {
  const list = [...o.top].sort((a, b) => a.started.localeCompare(b.started) || a.id.localeCompare(b.id));
  const more = o.streams.active - list.length;
  text(id('streams-count'), more > 0 ? `${count(o.streams.active)}, the ${count(list.length)} largest are shown` : count(o.streams.active));
  show(id('streams-none'), list.length === 0);
  sync(id('streams'), list, (s) => s.id, (s) => streamRow(s, again), fillStream);
}

// streamHead names the columns of streamRow.
export function streamHead() {
  const column = (label, n) => el('th', { role: 'columnheader', scope: 'col', class: n && 'n' }, label);
  return el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, column('User'), column('Vendor'), column('State'), column('Age', true), column('Metered', true),
    column('Dropped', true), column('Left', true), column(el('span', { class: 'away' }, 'Actions'))));
}

export function streamRow(s, again) {
  const cell = (label, child, attrs = {}) => el('td', { role: 'cell', 'data-label': label, ...attrs }, child);
  const n = { class: 'n' };
  const end = button('End…', () => ask({
    title: 'End a stream', lead: `${s.user}'s stream to ${s.provider} gets its last results and is closed. The client may connect again.`,
    yes: 'End the stream', danger: true,
    run: async (v) => {
      await call('DELETE', `streams/${encodeURIComponent(s.id)}?${new URLSearchParams({ reason: v.reason })}`);
      return `${s.user}'s stream is ending`;
    },
    done: again,
  }), { class: 'write', 'aria-label': `End ${s.user}'s stream to ${s.provider}` });
  return el('tr', { role: 'row', 'data-stream': s.id },
    cell('User', el('a', { href: `#user=${encodeURIComponent(s.user)}`, 'data-is': 'user' }, s.user), { role: 'rowheader' }),
    cell('Vendor', el('span', { 'data-is': 'provider' }, s.provider)),
    cell('State', el('span', { 'data-is': 'state' })),
    cell('Age', el('data', { 'data-is': 'age' }), n), cell('Metered', el('data', { 'data-is': 'forwarded' }), n),
    cell('Dropped', el('data', { 'data-is': 'dropped' }), n), cell('Left', el('data', { 'data-is': 'left' }), n),
    cell('', end, { class: 'n' }));
}

export function fillStream(row, s) {
  const part = (name) => row.querySelector(`[data-is=${name}]`);
  const state = part('state');
  text(state, `${marks[s.state] ?? '?'} ${s.state}`);
  state.className = moods[s.state] ?? '';
  put(part('age'), s.age_ms, span(s.age_ms));
  put(part('forwarded'), s.forwarded_ms, span(s.forwarded_ms));
  put(part('dropped'), s.dropped_ms, s.dropped_ms ? span(s.dropped_ms) : '–');
  put(part('left'), s.budget ? s.left_ms : '', s.budget ? span(s.left_ms) : 'no budget');
  part('left').title = s.budget ? `of ${s.budget}` : '';
}

export function sums(o) {
  const total = (m) => Object.values(m).reduce((a, b) => a + b, 0);
  const busy = Object.entries(o.streams.states).filter(([, n]) => n > 0).map(([s, n]) => `${count(n)} ${s}`).join(', ');
  const all = [
    ['active', 'Streams', o.streams.active, count(o.streams.active), busy || 'none runs'],
    ['forwarded', 'Forwarded', o.totals.forwarded_ms, span(o.totals.forwarded_ms), 'audio that reached vendors'],
    ['dropped', 'Dropped', o.totals.dropped_ms, span(o.totals.dropped_ms), 'audio beyond a budget'],
    ['charged', 'Charged', o.totals.charged_ms, span(o.totals.charged_ms), 'of streams that ended'],
    ['refused', 'Refused', total(o.totals.refusals), count(total(o.totals.refusals)), 'or ended by the gateway'],
    ['staged', 'Users at a stage', total(o.users.stages), `${o.users.whole ? '' : 'at least '}${count(total(o.users.stages))}`,
      o.users.exempt ? `and ${count(o.users.exempt)} exempt` : 'nobody is exempt'],
  ];
  sync(id('sums'), all, (s) => s[0], ([name, label]) => el('div', {}, el('dt', {}, label), el('dd', {}, el('data', { 'data-is': name })), el('dd', { class: 'muted' })),
    (e, [, , value, shown, note]) => {
      put(e.querySelector('data'), value, shown);
      text(e.lastElementChild, note);
    });
}

export function refusals(o) {
  const all = Object.entries(o.totals.refusals).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const most = all.length ? all[0][1] : 1;
  show(id('refusals-none'), all.length === 0);
  sync(id('refusals'), all, (r) => r[0], ([reason]) => el('li', { 'data-reason': reason },
    el('p', { class: 'row' }, el('span', {}, reason.replaceAll('_', ' ')), el('data', { 'data-is': 'refusals' })), meter(reason)),
  (e, [, n]) => {
    put(e.querySelector('data'), n, count(n));
    e.querySelector('.meter').set(n, most, count(n));
    e.querySelector('.meter').classList.remove('full', 'near'); // it compares; it is no limit
  });
}

export function vendors(o) {
  const words = { ok: '✓ answers', failing: '▲ fails', unknown: '○ not asked yet' };
  const moods = { ok: 'ok', failing: 'bad', unknown: 'muted' };
  sync(id('vendors'), o.vendors, (v) => v.provider, (v) => el('li', { 'data-vendor': v.provider }), (e, v) => e.replaceChildren(
    el('p', { class: 'row' }, el('strong', {}, v.provider),
      el('span', { class: moods[v.state], 'data-is': 'state' }, (words[v.state] ?? v.state) + (v.failure ? `: ${v.failure}` : ''))),
    v.seen > 0 ? el('p', { class: 'muted' }, figure('failed', v.failed, count(v.failed)), ' of ', figure('seen', v.seen, count(v.seen)), ' handshakes failed · half within ',
      figure('p50', v.p50_us, micros(v.p50_us)), ', 99 % within ', figure('p99', v.p99_us, micros(v.p99_us)),
      v.at ? ` · last ${away(v.at, o.at)}` : '') : ''));
}

export function store(o) {
  const s = o.store;
  const errors = Object.entries(s.errors).filter(([, n]) => n > 0);
  id('store').replaceChildren(
    el('p', { class: 'row' }, el('strong', { 'data-is': 'kind' }, s.kind), el('span', { class: s.up ? 'ok' : 'bad', 'data-is': 'up' }, s.up ? '✓ takes writes' : '▲ takes no writes')),
    el('p', { class: 'muted' }, figure('leases', s.leases, count(s.leases)), ' calls · half within ', figure('p50', s.p50_us, micros(s.p50_us)),
      ', 99 % within ', figure('p99', s.p99_us, micros(s.p99_us))),
    el('p', { class: errors.length ? 'bad' : 'muted' }, errors.length ? `▲ failed: ${errors.map(([c, n]) => `${count(n)} ${c}`).join(', ')}` : 'No call has failed.'));
}

const askers = { start: 'read at the start', file: 'its file had changed', signal: 'SIGHUP', api: 'asked over the API' };

export function config(c) {
  const last = c.last_reload;
  const asked = (by) => el('span', { 'data-is': 'by' }, askers[by] ?? by);
  id('config').replaceChildren(
    el('p', { class: 'row' }, el('strong', {}, c.file || 'no file'), el('span', { class: last.successful ? 'ok' : 'bad', 'data-is': 'successful' },
      last.successful ? '✓ in force' : '▲ the file was refused; the old config stays')),
    el('p', { class: 'muted' }, 'in force since ', moment('loaded', c.loaded, clock(c.loaded)), ' (', asked(c.by), ')',
      ...(last.at === c.loaded ? [] : [' · refused ', moment('last', last.at, clock(last.at)), ` (${askers[last.by] ?? last.by})`])),
    el('p', { class: 'muted' }, 'hash ', el('code', { 'data-is': 'hash' }, c.hash)),
    ...(last.faults ?? []).map((f) => el('p', { class: 'error' }, [f.file && `${f.file}:${f.line}`, f.env, f.key].filter(Boolean).join(' '), ': ', f.what)),
    ...(c.needs_restart ?? []).map((f) => el('p', { class: 'warn' }, `▲ ${f.key} needs a restart`)));
}

// top is the page's head.
export function top(o) {
  text(id('instance'), `${o.instance} · ${o.version} · up ${span(o.uptime_seconds * 1000)}`);
  show(id('draining'), o.draining);
  show(id('stale'), !o.config.last_reload.successful);
}

