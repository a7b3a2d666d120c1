// The same page as Vue draws it.
import { createSSRApp, h, ref } from "vue";

export const page = (relay, property) => createSSRApp({
  setup() {
    const seen = ref(0), email = ref("");
    return () => h("main", [
      h("h1", "Casa"),
      h("button", { id: "render", onClick: () => seen.value++ }, `Vistas: ${seen.value}`),
      h("section", { key: `place-${seen.value}` }, [h("div", { "data-leadrelay": "", "data-property-id": property })]),
      h("aside", [h("script", { defer: true, src: `${relay}/widget.js`, "data-property-id": `${property}T` }), h("p", "Fin")]),
      h("form", { id: "own", method: "post", action: `${relay}/f/default` }, [
        h("input", { type: "hidden", name: "property_id", value: `${property}F` }),
        h("input", { name: "correo", value: email.value, onInput: (event) => { email.value = event.target.value; } }),
        h("textarea", { name: "mensaje", value: "Hola" }),
        h("button", "Enviar"),
      ]),
    ]);
  },
});
