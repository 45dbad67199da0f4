'use strict';
for (const section of document.querySelectorAll('section[data-cases]')) {
  const cases = [...section.querySelectorAll('.case')];
  const count = section.querySelector('.count');
  const inputs = [...section.querySelectorAll('.filters [name]')];
  const apply = () => {
    const want = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    const words = (want.text || '').toLowerCase();
    let shown = 0;
    for (const item of cases) {
      const has = (name) => !want[name] || (' ' + item.dataset[name] + ' ').includes(' ' + want[name] + ' ');
      const fits = ['label', 'arity', 'context', 'cause', 'side'].every(has)
        && (!words || item.textContent.toLowerCase().includes(words));
      item.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = shown + ' of ' + cases.length;
  };
  inputs.forEach((input) => input.addEventListener('input', apply));
  apply();
}
