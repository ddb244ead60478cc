// Makes the letters smaller until the sheet fits between the margins of A4 (297 mm less twice 10 mm), with air for another printer's fonts.
{
  const sheet = document.querySelector(".cheat-sheet");
  const ruler = document.createElement("div");
  ruler.style.height = "266mm";
  document.body.append(ruler);
  const room = ruler.offsetHeight;
  ruler.remove();
  const edge = (part, side) => sheet.querySelector(part).getBoundingClientRect()[side];
  const tooHigh = () => edge(".columns", "bottom") - edge("h1", "top") > room;
  const tooWide = () => [...sheet.querySelectorAll(".line")].some(line => line.scrollWidth > line.clientWidth + 1);
  for (let size = 11; size > 4 && (tooHigh() || tooWide()); size -= 0.25) sheet.style.fontSize = `${size}pt`;
}
