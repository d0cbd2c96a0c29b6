// Numbers and times for people. The exact figure stays in the element's value.

const digits = new Intl.NumberFormat('en');

// count is a whole number: 12,345.
export const count = (n) => digits.format(n);

// span is a length of audio or time, given in milliseconds: 4.0 s, 7 min 01 s, 1 h 02 min, 3 d 4 h.
export function span(ms) {
  const sign = ms < 0 ? '−' : '';
  const s = Math.abs(ms) / 1000;
  const two = (n) => String(n).padStart(2, '0');
  if (s < 60) return `${sign}${(Math.floor(s * 10) / 10).toFixed(1)} s`;
  const whole = Math.floor(s);
  if (whole < 3600) return `${sign}${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 100 * 3600) return `${sign}${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${sign}${digits.format(Math.floor(whole / 86400))} d ${Math.floor((whole % 86400) / 3600)} h`;
}

// micros is how long a call took: 800 µs, 2.5 ms, 80 ms, 1.2 s.
export function micros(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1_000_000).toFixed(1)} s`;
}

// clock is a moment in the reader's zone: with the day, where that is not today.
export function clock(iso) {
  const t = new Date(iso);
  const time = t.toLocaleTimeString('en-GB');
  if (t.toDateString() === new Date().toDateString()) return time;
  return `${t.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })}, ${time}`;
}

// away is how far a moment is from another: in 3 h 12 min, 20 s ago.
export function away(iso, now) {
  const ms = new Date(iso) - new Date(now);
  return ms >= 0 ? `in ${span(ms)}` : `${span(-ms)} ago`;
}
