// Moves through both passes: what the slider has not reached yet is neither calculated nor coloured.
{
  const graph = document.currentScript.closest(".graph");
  const slider = graph.querySelector("input[type=range]");
  const fold = graph.querySelector("input[type=checkbox]");
  const words = JSON.parse(graph.querySelector("script[type='application/json']").textContent);
  const show = () => {
    const at = Number(slider.value);
    for (const part of graph.querySelectorAll("[data-forward]")) {
      const { forward, backward } = part.dataset;
      part.classList.toggle("computed", at >= Number(forward));
      part.classList.toggle("reached", backward !== undefined && at >= Number(backward));
      part.classList.toggle("now", at > 0 && (at === Number(forward) || at === Number(backward)));
    }
    graph.querySelector(".caption").textContent = words[at];
    graph.classList.toggle("is-folded", fold.checked);
  };
  slider.addEventListener("input", show);
  fold.addEventListener("input", show);
  show();
}
