#include "page_parts.h"

namespace retmask {

// Titles move into data-tip, so that browsers do not show them as well. Charts and marked texts can
// be focused as wholes; the arrow keys then go to the nearest value in their direction.
const std::string_view kPageScript = R"js(
'use strict';
(() => {
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.setAttribute('role', 'status');
  document.body.append(tip);
  for (const title of document.querySelectorAll('svg * > title')) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  for (const marked of document.querySelectorAll('mark[title]')) {
    marked.dataset.tip = marked.title;
    marked.removeAttribute('title');
  }
  let shown = null, byKey = false;
  const hide = () => {
    if (shown) shown.classList.remove('rm-on');
    shown = null;
    tip.textContent = '';
  };
  const show = (item, x, y) => {
    if (shown !== item) {
      hide();
      shown = item;
      item.classList.add('rm-on');
      tip.textContent = item.dataset.tip;
    }
    const left = Math.max(4, Math.min(x + 14, innerWidth - tip.offsetWidth - 4));
    const below = y + 18 + tip.offsetHeight < innerHeight;
    tip.style.left = left + 'px';
    tip.style.top = (below ? y + 18 : y - 10 - tip.offsetHeight) + 'px';
  };
  const follow = event => {
    const item = event.target.closest && event.target.closest('[data-tip]');
    byKey = false;
    if (item) show(item, event.clientX, event.clientY);
    else hide();
  };
  document.addEventListener('pointermove', follow);
  document.addEventListener('pointerdown', follow);
  document.documentElement.addEventListener('pointerleave', hide);
  const middle = item => {
    const box = item.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const showByKey = item => {
    byKey = true;
    show(item, ...middle(item));
  };
  addEventListener('scroll', () => byKey && shown ? showByKey(shown) : hide(), {passive: true, capture: true});
  const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  const next = (items, from, key) => {
    if (key === 'Home' || !from) return items[0];
    if (key === 'End') return items[items.length - 1];
    const [dx, dy] = arrows[key];
    const [x, y] = middle(from);
    let best = from, least = Infinity;
    for (const item of items) {
      const [a, b] = middle(item);
      const along = (a - x) * dx + (b - y) * dy, aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
      if (along > 0.5 && along + 3 * aside < least) [best, least] = [item, along + 3 * aside];
    }
    return best;
  };
  for (const area of document.querySelectorAll('svg, blockquote')) {
    const items = [...area.querySelectorAll('[data-tip]')];
    if (!items.length) continue;
    area.tabIndex = 0;
    if (area.matches('svg')) area.setAttribute('aria-label', area.getAttribute('aria-label') + '; arrow keys read the values');
    area.addEventListener('blur', hide);
    area.addEventListener('keydown', event => {
      if (event.key === 'Escape') return hide();
      if (!(event.key in arrows) && event.key !== 'Home' && event.key !== 'End') return;
      event.preventDefault();
      const item = next(items, area.contains(shown) ? shown : null, event.key);
      item.scrollIntoView({block: 'nearest', inline: 'nearest'});
      showByKey(item);
    });
  }
})();
)js";

}  // namespace retmask
