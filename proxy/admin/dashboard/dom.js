// Elements, and how they are kept up to date. Whatever comes from the gateway becomes text or an attribute's value here,
// and never markup: nothing on this page parses HTML, and the page's Trusted Types policy has the browser refuse it.

export const id = (name) => document.getElementById(name);

// el makes an element; children that are no elements become text.
export function el(tag, attrs = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (v === true) e.setAttribute(k, '');
    else if (v !== false && v !== undefined) e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== undefined && c !== ''));
  return e;
}

// text changes only what is another text: a screen reader and a selection are not disturbed every two seconds.
export function text(e, s) {
  if (e.textContent !== s) e.textContent = s;
}

// put shows a figure, and keeps the exact one as the element's value.
export function put(e, value, shown) {
  e.value = String(value);
  text(e, shown);
}

// figure is a number with its exact value; name is for whoever looks for it.
export function figure(name, value, shown) {
  const e = el('data', { 'data-is': name });
  put(e, value, shown);
  return e;
}

// moment is a time.
export function moment(name, iso, shown) {
  return el('time', { 'data-is': name, datetime: iso, title: iso }, shown);
}

export function show(e, yes) {
  if (e.hidden === yes) e.hidden = !yes;
}

export function button(label, act, attrs = {}) {
  const b = el('button', { type: 'button', ...attrs }, label);
  b.addEventListener('click', () => act(b));
  return b;
}

// sync makes parent's children those of items, each by its key, so that what has the focus stays where it is.
// make builds one, fill puts an item's figures into it.
export function sync(parent, items, key, make, fill) {
  const keys = new Set(items.map((i) => String(key(i))));
  for (const c of [...parent.children]) {
    if (keys.has(c.dataset.key)) continue;
    if (c.contains(document.activeElement)) parent.closest('section')?.querySelector('h2')?.focus();
    c.remove();
  }
  const there = new Map([...parent.children].map((c) => [c.dataset.key, c]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const k = String(key(item));
    let e = there.get(k);
    if (!e) {
      e = make(item);
      e.dataset.key = k;
    }
    if (e === at) at = at.nextElementSibling;
    else parent.insertBefore(e, at);
    fill(e, item);
  }
}

// meter is a bar for what is used of a limit; its text says the same.
export function meter(label) {
  const fill = el('span', { class: 'fill' });
  const bar = el('span', { class: 'meter', role: 'meter', 'aria-label': label, 'aria-valuemin': '0' }, fill);
  bar.set = (used, of, says) => {
    const part = of > 0 ? Math.min(1, Math.max(0, used / of)) : 1;
    bar.setAttribute('aria-valuemax', String(of));
    bar.setAttribute('aria-valuenow', String(Math.min(used, of)));
    bar.setAttribute('aria-valuetext', says);
    bar.classList.toggle('full', part >= 1);
    bar.classList.toggle('near', part >= 0.8 && part < 1);
    fill.style.width = `${(part * 100).toFixed(2)}%`;
  };
  return bar;
}
