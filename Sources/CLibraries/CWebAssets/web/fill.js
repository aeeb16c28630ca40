// Fills an element with what is made of descriptions, and leaves it alone while these are the same:
// a button that a finger is on must stay until it lifts, whatever snapshot comes meanwhile.

const drawn = new WeakMap();

/// `made`: JSON values; `draw(one, index)`: the element of one.
export function fill(element, made, draw) {
  const text = JSON.stringify(made);
  if (drawn.get(element) === text) return;
  drawn.set(element, text);
  element.replaceChildren(...made.map(draw));
}
