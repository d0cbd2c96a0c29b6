// What can be changed about a user, and what is asked before.

import { call, nonce, userPath } from './api.js';
import { ask } from './act.js';
import { button } from './dom.js';
import { span } from './format.js';

const hint = '90m, 12h, 7d, or a time as 2027-01-31T12:00:00Z; empty: for good';
const ending = (until) => (until ? `until ${until}` : 'for good');
const put = (v, until) => (until ? { ...v, until } : v);

// changes are the buttons of a user; again is called when something was changed.
export function changes(who, stages, again) {
  return [
    button('Move to a stage…', () => move(who, stages, again), { class: 'write' }),
    button('Reset…', () => reset(who, again), { class: 'write' }),
    button('Exempt…', () => exempt(who, again), { class: 'write' }),
  ];
}

function move(who, stages, again) {
  ask({
    title: `Move ${who} to a stage`, lead: 'Running streams follow with their next lease. Nobody reviews the user for one cooldown.', yes: 'Move the user', danger: true, done: again,
    fields: [
      { name: 'stage', label: 'Stage', kind: 'select', options: stages.map((s) => [s, s]) },
      { name: 'until', label: 'For how long', kind: 'text', hint },
    ],
    sum: (v) => `${who} will be at ${v.stage}, ${ending(v.until)}.`,
    run: async (v) => {
      const a = await call('PUT', userPath(who, '/stage'), put({ stage: v.stage, reason: v.reason }, v.until));
      return `${who} was at ${a.before.stage} and is at ${a.stage}`;
    },
  });
}

function reset(who, again) {
  ask({
    title: `Reset ${who}`, lead: 'Back to stage none; no violation from before counts any more. What was used stays used.', yes: 'Reset the user', danger: true, done: again,
    run: async (v) => {
      const a = await call('POST', userPath(who, '/reset'), { reason: v.reason });
      return `${who} was at ${a.before.stage} and is at ${a.stage}`;
    },
  });
}

function exempt(who, again) {
  ask({
    title: `Exempt ${who}`, lead: 'Who is exempt is under no stage and no budget of their own. Budgets that all share hold on.', yes: 'Change it', danger: true, done: again,
    fields: [
      { name: 'exempt', label: 'What', kind: 'select', options: [['yes', 'outside all rules'], ['no', 'under the rules again']] },
      { name: 'until', label: 'For how long', kind: 'text', hint },
    ],
    sum: (v) => (v.exempt === 'yes' ? `${who} will be outside all rules, ${ending(v.until)}.` : `${who} will be under the rules again.`),
    run: async (v) => {
      const on = v.exempt === 'yes';
      await call('PUT', userPath(who, '/exempt'), put({ exempt: on, reason: v.reason }, on && v.until));
      return on ? `${who} is exempt` : `${who} is under the rules again`;
    },
  });
}

// grant is the button of one budget. What is sent twice, because an answer was lost, counts once.
export function grant(who, budget, again) {
  const open = () => {
    const ids = new Map();
    const once = (ms) => {
      if (!ids.has(ms)) ids.set(ms, nonce());
      return ids.get(ms);
    };
    const ms = (v) => Math.round(Number(v.minutes) * 60_000);
    ask({
      title: `Give ${who} more time`, lead: `Of ${budget}, in the window that runs now. Running streams have it with their next lease; those that drop audio resume.`,
      yes: 'Give it', done: again,
      fields: [{ name: 'minutes', label: 'Minutes of audio', kind: 'number', value: '10', step: 'any', min: '-44640', max: '44640', hint: 'less than 0 takes back what was given in this window' }],
      sum: (v) => (ms(v) ? `${who} will have ${span(ms(v))} ${ms(v) < 0 ? 'less' : 'more'} of ${budget}.` : ''),
      run: async (v) => {
        const a = await call('POST', userPath(who, '/grants'), { budget, milliseconds: ms(v), reason: v.reason }, { 'Idempotency-Key': once(ms(v)) });
        const done = a.granted_ms < 0 ? `${span(-a.granted_ms)} of ${budget} were taken back from ${who}` : `${who} has ${span(a.granted_ms)} more of ${budget}`;
        return a.applies ? done : `${done}, once that budget holds for them`;
      },
    });
  };
  return button('Give time…', open, { class: 'write', 'aria-label': `Give ${who} time of ${budget}` });
}

// resolve is the button of a case.
export function resolve(who, ref, again) {
  return button('Does not count…', () => ask({
    title: `${ref} does not count`, lead: `The violation of this case does not count against ${who} any more. Nobody is moved by it.`, yes: 'It does not count', danger: true, done: again,
    run: async (v) => {
      await call('POST', userPath(who, '/resolve'), { case: ref, reason: v.reason });
      return `${ref} does not count any more`;
    },
  }), { class: 'write' });
}
