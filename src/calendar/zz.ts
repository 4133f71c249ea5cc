import { ianaZone } from "#calendar/zones/iana.ts";
import { signatureOfYear } from "#calendar/zones/rule.ts";
import { writeVtimezone } from "#calendar/zones/vtimezone-write.ts";
import { readVtimezone } from "#calendar/zones/vtimezone-read.ts";
import { matchZone, zoneOfId } from "#calendar/zones/match.ts";
console.log(writeVtimezone(ianaZone("America/New_York")!,"America/New_York",2026,2036).join("\n"));
let bad=0,n=0; let t=performance.now();
for (const id of [...Intl.supportedValuesOf("timeZone")]) { const zone=ianaZone(id)!;
  const l=writeVtimezone(zone,id,1990,2040); const back=readVtimezone(l).zone;
  for(let y=1990;y<=2040;y++){ n++; if(signatureOfYear(zone,y)!==signatureOfYear(back,y)) {bad++; if(bad<5)console.log(id,y,signatureOfYear(zone,y),signatureOfYear(back,y),l.join("\n"));} } }
console.log({bad,n,ms:performance.now()-t});
t=performance.now();
const m=matchZone({ids:["Mitteleuropäische Zeit"],zone:readVtimezone(writeVtimezone(ianaZone("Europe/Vienna")!,"x",2026,2036)).zone,year:2026});
console.log(m, performance.now()-t);
console.log(zoneOfId("/mozilla.org/20050126_1/Europe/Berlin")?.name, zoneOfId("w. europe standard time")?.name, zoneOfId("Kamchatka Standard Time")?.name);
