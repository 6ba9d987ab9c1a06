/** The page's whole style: no font, image or sheet from elsewhere. Colours have a contrast of 4.5 and more. */
export const style = `
:root { --back: #f6f7f9; --card: #fff; --text: #1b2430; --soft: #566273; --line: #d9dee5;
  --good: #1a7f4b; --held: #8a5a00; --bad: #b3261e; --calm: #2f5fc4; --still: #8b95a3; }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --card: #1b212a; --text: #e6eaf0;
  --soft: #a3aebd; --line: #303947; --good: #55c88a; --held: #e9b44c; --bad: #ff8a80; --calm: #85aaff; --still: #75808f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--back); color: var(--text);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .75rem; margin-bottom: .75rem; }
h1 { margin: 0; font-size: 1.35rem; }
h2 { margin: 0 0 .5rem; font-size: .9rem; font-weight: 600; color: var(--soft); }
.state { padding: .1rem .6rem; border: 1px solid; border-radius: 1rem; font-weight: 600; }
.plain { color: var(--calm); } .good { color: var(--good); } .warning { color: var(--held); } .bad { color: var(--bad); }
.soft { color: var(--soft); }
.notice { margin: 0 0 .75rem; padding: .6rem .8rem; border-left: .25rem solid; background: var(--card); }
.notice span { color: var(--text); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; margin: .75rem 0; }
.big { margin: 0; font-size: 1.6rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.2; }
section p:last-child { margin: .3rem 0 0; }
svg { display: block; width: 100%; height: .9rem; margin: .5rem 0; border-radius: .45rem; background: var(--line); }
svg .rotated, svg .observed { fill: var(--good); } svg .skipped { fill: var(--calm); } svg .missing { fill: var(--still); }
svg .failed { fill: var(--bad); } svg .held { fill: var(--held); }
table { width: 100%; border-collapse: collapse; }
td, th { padding: .25rem 0; border-top: 1px solid var(--line); text-align: left; font-weight: 400; }
tr:first-child > * { border-top: 0; }
td { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-left: 1rem; }
i { display: inline-block; width: .7rem; height: .7rem; margin-right: .5rem; border-radius: .2rem; background: var(--line); }
i.rotated { background: var(--good); } i.skipped { background: var(--calm); } i.missing { background: var(--still); } i.failed { background: var(--bad); }
footer { margin-top: .75rem; font-size: .85rem; color: var(--soft); }
a { color: inherit; }
[hidden] { display: none; }
`;
