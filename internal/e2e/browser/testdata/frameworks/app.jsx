// A page of React's with what the widget fills in: a place, a tag of its own and a form.
import { useState } from "react";

export function Page({ relay, property }) {
  const [seen, see] = useState(0);
  const [email, write] = useState("");
  return (
    <main>
      <h1>Casa</h1>
      <button id="render" onClick={() => see(seen + 1)}>{`Vistas: ${seen}`}</button>
      <section key={`place-${seen}`}>
        <div data-leadrelay="" data-property-id={property}></div>
      </section>
      <aside>
        <script defer src={`${relay}/widget.js`} data-property-id={`${property}T`}></script>
        <p>Fin</p>
      </aside>
      <form id="own" method="post" action={`${relay}/f/default`}>
        <input type="hidden" name="property_id" value={`${property}F`} />
        <input name="correo" value={email} onChange={(event) => write(event.target.value)} />
        <textarea name="mensaje" defaultValue="Hola"></textarea>
        <button>Enviar</button>
      </form>
    </main>
  );
}
