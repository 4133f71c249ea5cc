import { readFileSync, readdirSync } from "node:fs";
import { itemOf, bytesOf, meaningOf, differences } from "#convert/mime/test-kit.ts";
import { indexMessage } from "#format/mime/indexer.ts";
const dir="/work/shared/corpus/eml/"; const T={index:0,from:0,to:0,mean:0}; const per:[number,string,string][]=[];
const cpu=()=>{const u=process.cpuUsage();return (u.user+u.system)/1000};
for (let r=0;r<2;r++) for (const f of readdirSync(dir)) { const b=readFileSync(dir+f);
 let t=cpu(); const a=t; indexMessage(b); let n=cpu(); T.index+=n-t; t=n;
 const it=itemOf(b); n=cpu(); T.from+=n-t; const t1=n-t; t=n; const o=bytesOf(it); n=cpu(); T.to+=n-t; const t2=n-t; t=n; const it2=itemOf(o); meaningOf(it);meaningOf(it2); n=cpu(); T.mean+=n-t; per.push([n-a,f,`from ${t1.toFixed(0)} to ${t2.toFixed(0)} rest ${(n-t).toFixed(0)}`]);
}
console.log(T); console.log(per.sort((x,y)=>y[0]-x[0]).slice(0,12).map(x=>x.join(" ")).join("\n"));
