// One case: what was exceeded, who judged and how, what became of it.

import { get } from './api.js';
import { resolve } from './changes.js';
import { el, figure, id, moment, show } from './dom.js';
import { clock, span } from './format.js';

export async function openCase(ref, again) {
  const head = el('div', { class: 'row head' }, el('h2', { id: 'case-title', tabindex: '-1' }, ref), el('span', { class: 'grow' }), el('a', { href: '#', class: 'quiet' }, 'Close'));
  let c;
  try {
    c = await get(`cases/${encodeURIComponent(ref)}`);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    id('case').replaceChildren(head, el('p', { class: 'error' }, problem.message));
    reveal();
    return;
  }
  const facts = [
    ['when', moment('at', c.at, clock(c.at))], ['user', el('a', { href: `#user=${encodeURIComponent(c.user)}` }, c.user)], ['plan', c.plan],
    ['cause', c.cause], ['stage', `${c.from} → ${c.to}`], ['rule', c.rule], ['outcome', c.outcome], ['by', c.by], ['why', c.reason],
    ['score', c.review && String(c.review.misuse_score)], ['looks like', c.review?.usage_type], ['reasoning', c.review?.reasoning],
    ['felt', c.shadow ? 'by nobody: only watched' : undefined],
  ].filter(([, v]) => v);
  id('case').replaceChildren(
    head,
    el('dl', { class: 'facts' }, ...facts.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)])),
    ...(c.triggers?.length ? [el('h3', {}, 'Exceeded')] : []), el('ul', { class: 'list' }, ...(c.triggers ?? []).map((t) => el('li', {}, `${t.cap}: `, figure('sum', t.sum_ms, span(t.sum_ms)), ' of ',
      figure('limit', t.limit_ms, span(t.limit_ms)), ` in ${span(t.window_ms)}`))),
    ...(c.review?.evidence?.length ? [el('h3', {}, 'What spoke for it')] : []), el('ul', { class: 'list' }, ...(c.review?.evidence ?? []).map((e) => el('li', {}, e))),
    el('p', { class: 'buttons' }, resolve(c.user, ref, again)));
  reveal();
}

function reveal() {
  show(id('case'), true);
  id('case-title').focus();
}

export function closeCase() {
  show(id('case'), false);
  id('case').replaceChildren();
}
