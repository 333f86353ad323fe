// The page: takes the order from the address, or makes one, and draws what tracker.mjs yields.
import { ROUTE, shareAt } from './route.mjs';
import { track } from './tracker.mjs';

const TEXTS = {
  ordered: ['We have your order', 'The oven is hot, the dough is ready.'],
  'in the oven': ['In the oven', 'It smells good already.'],
  'on its way': ['On its way', 'Paolo is riding to you.'],
  delivered: ['At your door', 'Enjoy your meal!'],
};
const STEPS = Object.keys(TEXTS);

const element = (id) => document.getElementById(id);
const write = (id, text) => (element(id).textContent = text);

function drawMap() {
  const way = `M${ROUTE.map((point) => point.join(' ')).join(' L')}`;
  element('way').setAttribute('d', way);
  element('ridden').setAttribute('d', way);
  element('rider').style.offsetPath = `path('${way}')`;
  for (const [name, [x, y]] of [
    ['.pizzeria', ROUTE[0]],
    ['.home', ROUTE.at(-1)],
  ]) {
    document.querySelector(name).setAttribute('transform', `translate(${x} ${y})`);
  }
}

function draw({ pizza, address, status, minutes, rider }) {
  const [headline, detail] = TEXTS[status];
  write('headline', headline);
  write('detail', detail);
  write('minutes', minutes);
  write('pizza', pizza);
  write('address', address);
  document.body.dataset.status = status;
  for (const step of document.querySelectorAll('#steps li')) {
    const at = STEPS.indexOf(step.dataset.step) - STEPS.indexOf(status);
    step.className = at < 0 || status === 'delivered' ? 'done' : at === 0 ? 'now' : '';
  }
  if (rider === undefined) return;
  const share = shareAt(rider);
  element('rider').removeAttribute('hidden');
  element('rider').style.offsetDistance = `${share * 100}%`;
  element('ridden').style.strokeDashoffset = 1 - share;
}

/** What the server said of this page's order. Behind the #, so that it stays in the browser. */
async function orderOfPage() {
  const kept = new URLSearchParams(location.hash.slice(1));
  if (kept.has('token')) return Object.fromEntries(kept);
  const order = await (await fetch('/orders', { method: 'POST' })).json();
  history.replaceState(null, '', `#${new URLSearchParams(order)}`);
  return order;
}

drawMap();
element('again').addEventListener('click', () => {
  history.replaceState(null, '', location.pathname);
  location.reload();
});
try {
  const { url, token } = await orderOfPage();
  let hasOrder = false;
  for await (const order of track(url, token)) {
    hasOrder = true;
    write('live', 'live');
    draw(order);
  }
  if (!hasOrder) write('detail', 'This order is history.');
  write('live', 'the order is closed');
} catch (error) {
  write('detail', `Something is wrong: ${error.message}`);
  write('live', 'not connected');
}
document.body.classList.add('over');
element('again').hidden = false;
