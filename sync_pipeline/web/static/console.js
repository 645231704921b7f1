// Completes names and copies statements. Every page works without it.
"use strict";

let asked = 0;

async function complete(input) {
  const own = ++asked;
  const query = new URLSearchParams({ beginning: input.value, limit: "20" });
  const address = `/api/v1/${input.dataset.completedBy}?${query}`;
  const response = await fetch(address, { headers: { accept: "application/json" } });
  if (!response.ok || own !== asked) return;
  const found = await response.json();
  const options = found.items.map((item) => new Option("", Object.values(item)[0]));
  input.list.replaceChildren(...options);
}

let waiting;
for (const input of document.querySelectorAll("input[data-completed-by]")) {
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => complete(input).catch(() => {}), 150);
  });
}

if (navigator.clipboard) {
  const words = { en: ["Copy", "Copied"], zh: ["复制", "已复制"] };
  const [copy, copied] = words[document.documentElement.lang] || words.en;
  for (const code of document.querySelectorAll("pre.code[data-exact]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = copied;
    });
    code.after(button);
  }
}
