/** How large an extended rule may be. [MS-OXORULE] 3.2.5.1, [MS-OXCSTOR] 2.2.2.1.1.1 PidTagExtendedRuleSizeLimit */
import { limits } from "#base/limits.ts";
import { makeTag } from "#props/types.ts";
import type { ReadonlyPropertyBag } from "#props/types.ts";
import { RopError } from "#serve/mapi/mailbox/errors.ts";

const PidTagExtendedRuleMessageCondition = makeTag(0x0e9a, "Binary");
const PidTagExtendedRuleMessageActions = makeTag(0x0e99, "Binary");

/** RopError for a message whose rule nobody would look at: it is not saved. */
export function requireRuleSize(bag: ReadonlyPropertyBag): void {
  for (const tag of [PidTagExtendedRuleMessageCondition, PidTagExtendedRuleMessageActions]) {
    const value = bag.get(tag);
    if (value instanceof Uint8Array && value.length > limits.mapiExtendedRuleMaxBytes) {
      throw new RopError("tooBig", `The rule has more than ${limits.mapiExtendedRuleMaxBytes} bytes.`);
    }
  }
}
