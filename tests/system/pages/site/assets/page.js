const config = await (await fetch('/config.json')).json();
const { items } = await (await fetch(`${config.api}/products`)).json();
document.querySelector('#products').replaceChildren(
  ...items.map(({ name }) => Object.assign(document.createElement('li'), { textContent: name })),
);
