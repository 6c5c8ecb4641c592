// Puts the explorers into a page. SOURCE is notebooks/explorers.js, as text: browsers load no module from a file on
// a disk, and these pages should work in a copied folder, too.
const module = import(URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" })));

for (const place of document.querySelectorAll("div.explorer")) {
  const words = place.querySelector("p"); // what stands there where nothing runs, and if this fails
  const data = JSON.parse(place.querySelector("script").textContent);
  const box = document.createElement("div");
  place.append(box); // first, since it may ask how wide it is
  module
    .then(({ mount }) => mount(box, data))
    .then(() => words.remove())
    .catch((error) => {
      box.remove();
      words.textContent = `This explorer does not run here: ${error.message}. On Binder or Colab it may.`;
      console.error(error);
    });
}
