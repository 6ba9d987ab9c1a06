/**
 * Puts what the worker sends in place of what is shown. An event holds the whole of it, escaped where it was
 * made; a selection is left alone, so that a reason can be copied.
 */
export const script = `
const lost = document.getElementById('lost');
const events = new EventSource('events');
events.onopen = () => { lost.hidden = true; };
events.onerror = () => { lost.hidden = false; };
events.onmessage = ({ data }) => {
  if (!getSelection().isCollapsed) return;
  const next = new DOMParser().parseFromString(data, 'text/html').querySelector('main');
  document.querySelector('main').replaceWith(next);
  document.title = next.dataset.title;
};
`;
