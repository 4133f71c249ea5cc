// Proves: queries of dynamic groups are read as written and bad ones refused with a reason; by tables. What they find
// is proved on a store in directory.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGroupQuery, queryCondition } from "#directory/query.ts";

const good: [string, string][] = [
  ["department=Sales", "department=sales"],
  ["DEPARTMENT=Sales and Title=Head*", "department=sales&title=head*"],
  ["title=\"Head of Sales\"", "title=head of sales"],
  ["\"title=Head of Sales\"", "title=head of sales"],
  ["department=A or department=B city=X", "department=a|department=b&city=x"],
  ["kind=room", "kind=room"],
  ["domain=example.test name!=Bob*", "domain=example.test&name!=bob*"],
  ["manager_x=1".replace("manager_x", "customAttribute3"), "extension3=1"],
  ["office=*", "office=*"],
];
const bad: [string, RegExp][] = [
  ["", /is missing/], ["or", /before it/], ["department=A or", /is missing/], ["and department=A", /before it/],
  ["department", /form key=value/], ["colour=red", /not an attribute/], ["photo=x", /not an attribute/],
  ["manager=bob@example.test", /not an attribute/], ["department=", /no value/], ["kind=dog", /not one of/],
  ["title=\"Head", /not closed/], [Array(51).fill("city=X").join(" "), /more than 50/],
];

test("queries", () => {
  for (const [text, expected] of good) {
    const shown = parseGroupQuery(text).map((terms) => terms
      .map((term) => `${term.key}${term.negated ? "!=" : "="}${term.value}${term.isPrefix ? "*" : ""}`).join("&"));
    assert.equal(shown.join("|"), expected, text);
  }
  for (const [text, why] of bad) assert.throws(() => parseGroupQuery(text), { code: "invalidArgument", message: why }, text);
});

test("values never become SQL", () => {
  const { text, values } = queryCondition(parseGroupQuery("department=\"x' OR 1=1 --\" name=50%*"), 3);
  assert.ok(!text.includes("OR 1"));
  assert.deepEqual(values, ["department", "x' or 1=1 --", "50!%%"]);
  assert.match(text, /\$3.*\$4.*\$5/s);
});
