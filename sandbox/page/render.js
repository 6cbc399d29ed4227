// Drawing the screen.
//
// The parts come from app.js: a part can ask for a new drawing without importing the other parts.

let parts = [];
let renderPending = false;

/** Sets the functions that draw the screen, in their order. */
export function setParts(...functions) {
  parts = functions;
}

export function scheduleRender() {
  if (renderPending) return;
  renderPending = true;
  // A window in the background draws no frames, but its title counts what is unread.
  (document.hidden ? setTimeout : requestAnimationFrame)(() => {
    renderPending = false;
    render();
  });
}

export function render() {
  for (const part of parts) part();
}
