// The one dialog that every change goes through: what will happen, why, and a button that says so.

import { el, id, show, text } from './dom.js';

const dialog = id('act');
let job = null; // what the open dialog is about

// ask opens it. of.fields are {name, label, kind: 'select' | 'text' | 'number', options, value, hint}; of.sum says in words what
// will happen with their values; of.run does it and returns what to tell; of.yes names the button.
export function ask(of) {
  job = of;
  text(id('act-title'), of.title);
  text(id('act-lead'), of.lead ?? '');
  text(id('act-yes'), of.yes);
  text(id('act-error'), '');
  id('act-yes').classList.toggle('danger', Boolean(of.danger));
  id('act-yes').disabled = false;
  id('act-reason').value = '';
  id('act-fields').replaceChildren(...(of.fields ?? []).flatMap(field));
  sum();
  dialog.showModal(); // the browser keeps the focus inside, and gives it back when it is closed
  (id('act-fields').querySelector('select, input') ?? id('act-reason')).focus();
}

function field(f) {
  const name = `act-${f.name}`;
  const help = f.hint ? el('p', { id: `${name}-help`, class: 'muted' }, f.hint) : undefined;
  const attrs = { id: name, name: f.name, 'aria-describedby': help && help.id };
  let e;
  if (f.kind === 'select') {
    e = el('select', attrs, ...f.options.map(([value, label]) => el('option', { value }, label)));
  } else {
    e = el('input', { ...attrs, type: f.kind, autocomplete: 'off', required: f.kind === 'number', min: f.min, max: f.max, step: f.step, maxlength: '40' });
  }
  if (f.value !== undefined) e.value = f.value;
  return [el('label', { for: name }, f.label), e, ...(help ? [help] : [])];
}

function values() {
  const v = { reason: id('act-reason').value.trim() };
  for (const e of id('act-fields').querySelectorAll('select, input')) v[e.name] = e.value.trim();
  return v;
}

function sum() {
  text(id('act-sum'), job.sum ? job.sum(values()) : '');
}

id('act-fields').addEventListener('input', sum);
id('act-no').addEventListener('click', () => dialog.close());

id('act-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const of = job;
  id('act-yes').disabled = true;
  text(id('act-error'), '');
  try {
    const said = await of.run(values());
    if (job === of) dialog.close();
    tell(said);
    of.done?.();
  } catch (problem) {
    if (job === of && dialog.open) text(id('act-error'), problem.message);
    else tell(problem.message, '▲'); // the dialog was left before the answer came
  } finally {
    id('act-yes').disabled = false;
  }
});

let hide = 0;

// tell says in a corner, and to a screen reader, what was done.
export function tell(said, mark = '✓') {
  const e = id('told');
  show(e, true);
  text(e, `${mark} ${said}`);
  clearTimeout(hide);
  hide = setTimeout(() => show(e, false), 8000);
}
