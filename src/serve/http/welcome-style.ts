/** How the settings page looks: one column of cards, two where there is room; light and dark as the reader likes. */
export const welcomeStyle = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --line: #d4d9e0; --back: #f4f6f8; --card: #fff;
  --accent: #1a5fb4; --accent-ink: #fff; --chip: #e8eff8; --chip-ink: #174f95; --quiet: #eceff2; --quiet-ink: #4d5664;
  --bad: #a51d2d; --bad-back: #fdeceb; --warn: #6b4700; --warn-back: #fff6e0; --warn-line: #e8c878 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a3adba; --line: #3a424e; --back: #14181e;
  --card: #1d232b; --accent: #78aeed; --accent-ink: #10151b; --chip: #22344a; --chip-ink: #a9ccf5; --quiet: #2b323c;
  --quiet-ink: #b9c2ce; --bad: #f4a3a3; --bad-back: #3a1f22; --warn: #f2d48a; --warn-back: #332a15;
  --warn-line: #6f5a26 } }
* { box-sizing: border-box }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100% }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto } }
body { margin: 0; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
.head, main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1rem }
.head { padding: 1rem; display: flex; gap: 1rem; align-items: baseline; justify-content: space-between;
  flex-wrap: wrap }
.brand { font-weight: 600 }
.intro { padding: 1rem 0 .25rem }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.2rem); line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.01em }
h1 span { overflow-wrap: anywhere }
.intro p { max-width: 42rem; color: var(--soft); font-size: 1.05rem; margin: 0 0 1.25rem }
h2 { font-size: 1.1rem; line-height: 1.3; margin: 0 }
h3 { font-size: 1rem; margin: 0 0 .35rem }
p { margin: 0 0 .75rem }
a { color: var(--accent); text-underline-offset: .15em }
section { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1.25rem;
  margin: 0 0 1rem; scroll-margin-top: 1rem }
section > :last-child, section form > :last-child, .block > :last-child { margin-bottom: 0 }
.titled { display: flex; flex-wrap: wrap; gap: .35rem .75rem; align-items: center; justify-content: space-between;
  margin: 0 0 .6rem }
.badge { font-size: .8rem; font-weight: 600; padding: .15rem .6rem; border-radius: 1rem; background: var(--chip);
  color: var(--chip-ink); white-space: nowrap }
.badge.quiet { background: var(--quiet); color: var(--quiet-ink) }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem;
  margin: 0 0 1rem }
.grid section { margin: 0 }
.flow { columns: 2 22rem; column-gap: 1rem; margin: 0 0 1rem } .flow section { break-inside: avoid }
.flow section:last-child { margin: 0 }
.hint { color: var(--soft); font-size: .9rem }
ol { margin: 0 0 .75rem; padding: 0 0 0 1.35rem } ol li { margin: 0 0 .25rem; padding-left: .15rem }
ol li::marker { color: var(--soft); font-weight: 600 }
ul { margin: 0; padding: 0 0 0 1.2rem } ul li { margin: 0 0 .3rem }
label { display: block; font-weight: 600; margin: 0 0 .3rem }
.ask { display: flex; gap: .6rem; flex-wrap: wrap; margin: 0 0 .6rem }
input { flex: 1 1 16rem; min-width: 0; font: inherit; padding: .6rem .75rem; border: 1px solid var(--soft);
  border-radius: .45rem; background: var(--card); color: inherit }
input::placeholder { color: var(--soft); opacity: 1 }
input[aria-invalid=true] { border-color: var(--bad) }
button, .button { font: inherit; font-weight: 600; padding: .6rem 1.15rem; border-radius: .45rem; cursor: pointer;
  border: 1px solid var(--accent); background: var(--accent); color: var(--accent-ink); text-decoration: none;
  display: inline-block; text-align: center }
button { flex: 0 1 auto }
@media (max-width: 30rem) { .ask button, .button { flex: 1 1 100%; width: 100% } }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .3rem }
.note { border-radius: .45rem; padding: .65rem .85rem; margin: 0 0 .75rem; border: 1px solid; color: var(--bad);
  background: var(--bad-back) }
.current { border-left: 4px solid var(--accent); padding: .1rem 0 .1rem .8rem; margin: .9rem 0 0 }
.current strong { overflow-wrap: anywhere }
nav { margin: 0 0 1rem } nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem }
nav li { margin: 0 } nav a { display: block; padding: .3rem .8rem; border-radius: 2rem; background: var(--card);
  border: 1px solid var(--line); text-decoration: none; font-size: .92rem }
nav a:hover { border-color: var(--accent) }
.trust { background: var(--warn-back); border-color: var(--warn-line) }
.trust h2 { color: var(--warn) }
.spaced { display: flex; gap: .6rem 1rem; flex-wrap: wrap; align-items: center; margin: 0 0 .9rem }
code { font: .92em/1.5 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere;
  user-select: all }
.print { display: block; overflow-wrap: normal; margin: .1rem 0 .6rem; letter-spacing: .02em }
details { margin: .5rem 0 0 } summary { cursor: pointer; font-weight: 600; width: fit-content }
dl { margin: 0 } dt { color: var(--soft); font-size: .9rem } dd { margin: 0; overflow-wrap: anywhere }
details dl { margin: .6rem 0 0 } details dt { font-weight: 600; color: inherit } details dd { margin: 0 0 .6rem }
.blocks { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 1rem;
  margin: 0 0 1rem }
.block { border: 1px solid var(--line); border-radius: .55rem; padding: .9rem 1rem }
.block dd { margin: 0 0 .45rem }
.qr { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; margin: .9rem 0 }
.qr p { flex: 1 1 10rem; margin: 0 }
.qr svg { width: 8.5rem; height: 8.5rem; background: #fff; border-radius: .4rem; display: block }
footer { color: var(--soft); font-size: .9rem; padding-bottom: 3rem }
`;
