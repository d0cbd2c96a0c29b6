// The page: asks the gateway every two seconds while somebody looks, and goes where the address says.

import { get, token } from './api.js';
import { closeCase, openCase } from './case.js';
import { id, show, text } from './dom.js';
import { count } from './format.js';
import * as live from './live.js';
import { people } from './people.js';
import * as user from './user.js';

const every = 2000; // ms
const seldom = 5; // polls between two looks at the users' list and at the config

let timer = 0;
let turn = 0; // counts polls; an answer of an older one is not shown
let polls = 0;
let last = null; // the newest overview
let told = null; // refusals by reason, and the last attempt to load the config, that a screen reader has heard of
let locked = false; // a token is waited for: nothing is asked without one, which would count as a wrong one
let went = ''; // where the address has led

async function poll(all) {
  clearTimeout(timer);
  if (locked) return;
  if (document.hidden) {
    link('○ paused', '');
    return;
  }
  const mine = ++turn;
  try {
    const o = await get('overview?top=100');
    if (mine !== turn) return;
    const fresh = o.config.last_reload.at !== last?.config.last_reload.at;
    shown(o);
    if (went !== location.hash || all === true) await go();
    const more = [user.refresh(again)];
    const due = all === true || polls++ % seldom === 0;
    if (due) more.push(people(o));
    if (due || fresh) more.push(get('config').then(live.config));
    const bad = (await Promise.allSettled(more)).find((r) => r.status === 'rejected');
    if (bad) throw bad.reason;
    if (mine === turn) trouble('');
  } catch (problem) {
    if (mine === turn) failed(problem);
    if (problem.status === 401) return;
  }
  if (mine === turn) timer = setTimeout(poll, every);
}

// again is after a change: what it did is to be seen at once.
const again = () => poll(true);

function shown(o) {
  last = o;
  show(id('enter'), false);
  show(id('live'), true);
  show(id('leave'), token.get() !== '');
  show(id('readonly'), !o.may_write);
  document.body.classList.toggle('looks', !o.may_write);
  link('● live', 'ok');
  live.top(o);
  live.sums(o);
  live.streams(o, again);
  live.refusals(o);
  live.vendors(o);
  live.store(o);
  announce({ refusals: o.totals.refusals, reload: o.config.last_reload });
}

// announce tells a screen reader what has happened since the last time: what was refused, and what became of a reload.
function announce(now) {
  const before = told ?? now; // what was before the page was opened is no news
  const news = Object.entries(now.refusals).map(([r, n]) => [r, n - (before.refusals[r] ?? 0)]).filter(([, n]) => n > 0)
    .map(([r, n]) => `${count(n)} more refused: ${r.replaceAll('_', ' ')}`);
  if (now.reload.at !== before.reload.at) news.push(now.reload.successful ? 'the config was loaded again' : `a config was refused: ${now.reload.fault}`);
  if (news.length) text(id('announce'), news.join('; '));
  told = now;
}

function failed(problem) {
  if (problem.status === 401) {
    locked = true;
    link('○ locked', '');
    show(id('live'), false);
    show(id('enter'), true);
    text(id('enter-error'), token.get() ? `Not accepted. ${problem.message}` : '');
    id('token').focus();
    return;
  }
  link(problem.status === 0 ? '▲ no answer; trying again' : '▲ in trouble', 'bad');
  show(id('live'), true);
  trouble(problem.message);
}

function trouble(words) {
  show(id('trouble'), words !== '');
  text(id('trouble'), words);
}

function link(words, mood) {
  text(id('link'), words);
  id('link').className = `pill ${mood}`;
}

// go shows what the address names: #user=ann or #case=FU-…, so that a page can be kept and sent around.
async function go() {
  went = location.hash;
  const to = new URLSearchParams(location.hash.slice(1));
  const who = to.get('user');
  if (!who) user.close();
  else if (who !== user.shown()) user.open(who, last.vendors.map((v) => v.provider), again);
  if (to.get('case')) await openCase(to.get('case'), again);
  else closeCase();
}

id('enter-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token.set(id('token').value.trim());
  id('token').value = '';
  locked = false;
  again();
});

id('leave').addEventListener('click', () => {
  token.forget();
  location.reload();
});

id('lookup').addEventListener('submit', (event) => {
  event.preventDefault();
  const what = id('who').value.trim();
  const to = new URLSearchParams({ [/^FU-[0-9A-F]{12}$/.test(what) ? 'case' : 'user']: what });
  if (`#${to}` === location.hash) again();
  else location.hash = to;
});

id('streams').before(live.streamHead());
window.addEventListener('hashchange', again);
document.addEventListener('visibilitychange', poll);
poll(true);
