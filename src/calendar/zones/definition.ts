/** Zones of Outlook items: made from any zone, and read back into one. */
import { limits } from "#base/limits.ts";
import type { TimeZoneDefinition, TimeZoneRule, TimeZoneStruct } from "#calendar/zones/tables.ts";
import { zoneRuleFlags } from "#calendar/zones/tables.ts";
import { matchZone } from "#calendar/zones/match.ts";
import type { ZoneMatch } from "#calendar/zones/match.ts";
import {
  fixedRule, ruleHistory, ruleOfYear, structOfRule, wallChangesOfYear, zoneOfRules,
} from "#calendar/zones/rule.ts";
import type { DatedRule, Misfit, ZoneRule } from "#calendar/zones/rule.ts";
import type { Zone } from "#calendar/zones/zone.ts";

export interface WrittenZone<T> {
  readonly value: T;
  /** Why the year's changes are not what the value tells; undefined when they are. */
  readonly misfit: Misfit | undefined;
}

/** How far a rule is looked for when a year has none. */
const nearYears = 5;

/** The rule of a year; of a year that none tells, the nearest later one's, else the offset that it begins with. */
function ruleFor(zone: Zone, year: number): WrittenZone<ZoneRule> {
  const found = ruleOfYear(zone, year);
  if (found.fits) return { value: found.rule, misfit: undefined };
  for (let near = year + 1; near <= year + nearYears; near++) {
    const later = ruleOfYear(zone, near);
    if (later.fits) return { value: later.rule, misfit: found.why };
  }
  return { value: fixedRule(Math.round(wallChangesOfYear(zone, year).first)), misfit: found.why };
}

/** PidLidTimeZoneStruct for a zone as it is in a year. [MS-OXOCAL] 2.2.1.39 */
export function timeZoneStructOf(zone: Zone, year: number): WrittenZone<TimeZoneStruct> {
  const { value, misfit } = ruleFor(zone, year);
  return { value: structOfRule(value), misfit };
}

export interface DefinitionRange {
  /** Local years whose rules are told. */
  readonly fromYear: number;
  readonly toYear: number;
  /** The year whose rule is the effective one. */
  readonly year: number;
  /** For PidLidAppointmentTimeZoneDefinitionRecur; its effective rule is marked as the struct's too. */
  readonly isRecurring: boolean;
}

/** The first rule holds for all the years before. */
const firstRuleYear = 1601;

/**
 * PidLidAppointmentTimeZoneDefinitionRecur, …StartDisplay and …EndDisplay. `keyName` is the Windows id, or the name of
 * a zone that has none. [MS-OXOCAL] 2.2.1.41 to 2.2.1.43
 */
export function timeZoneDefinitionOf(
  zone: Zone, keyName: string, { fromYear, toYear, year, isRecurring }: DefinitionRange,
): WrittenZone<TimeZoneDefinition> {
  const { rules, misfits } = ruleHistory(zone, fromYear, toYear);
  const told = rules.slice(-limits.timeZoneRulesMax);
  const effective = told.findLast((dated) => dated.fromYear <= year) ?? told[0];
  const mark = zoneRuleFlags.effective | (isRecurring ? zoneRuleFlags.recurCurrent : 0);
  return {
    value: {
      majorVersion: 2, minorVersion: 1, headerSize: 6 + keyName.length * 2, reserved: 2, keyName,
      headerExtra: new Uint8Array(0), trailing: new Uint8Array(0),
      rules: told.map((dated, index): TimeZoneRule => ({
        majorVersion: 2, minorVersion: 1, size: 0x3e, flags: dated === effective ? mark : 0,
        year: index === 0 ? firstRuleYear : dated.fromYear, unused: new Uint8Array(14), ...dated.rule,
      })),
    },
    misfit: misfits.find((one) => one.year === year)?.why,
  };
}

/** The zone of PidLidTimeZoneStruct; dates of one year only hold in that year. [MS-OXOCAL] 2.2.1.39 */
export function zoneOfStruct(name: string, struct: ZoneRule): Zone {
  return zoneOfRules(name, [{ fromYear: 0, rule: struct }]);
}

/** The rule that a definition marks as the one to use, else its latest. [MS-OXOCAL] 2.2.1.41 */
export function effectiveRuleOf(definition: TimeZoneDefinition): TimeZoneRule | undefined {
  const marked = definition.rules.find(({ flags }) => (flags & zoneRuleFlags.effective) !== 0);
  return marked ?? definition.rules.at(-1);
}

/** The zone of a definition, each rule in its years; undefined when it has none. [MS-OXOCAL] 2.2.1.41 */
export function zoneOfDefinition(definition: TimeZoneDefinition): Zone | undefined {
  const rules = definition.rules.map((rule): DatedRule => ({ fromYear: rule.year, rule }));
  return rules.length === 0 ? undefined : zoneOfRules(definition.keyName, rules);
}

const dateText = (date: ZoneRule["standardDate"]): string => Object.values(date).join();

/** The same fields, which is how the specification compares a rule with the struct. [MS-OXOCAL] 2.2.1.41 */
export function sameRule(one: ZoneRule, other: ZoneRule): boolean {
  const sameBiases = one.bias === other.bias && one.standardBias === other.standardBias;
  return sameBiases && one.daylightBias === other.daylightBias &&
    dateText(one.standardDate) === dateText(other.standardDate) &&
    dateText(one.daylightDate) === dateText(other.daylightDate);
}

export interface AppointmentZone {
  readonly definition?: TimeZoneDefinition | undefined;
  /** With a definition of another rule it is the struct that counts. */
  readonly struct?: ZoneRule | undefined;
  /** PidLidTimeZoneDescription: text for people. */
  readonly description?: string | undefined;
  readonly year: number;
  readonly preferred?: readonly string[];
}

/** The zone of an appointment's series. [MS-OXOCAL] 2.2.1.39 to 2.2.1.41 */
export function zoneOfAppointment(item: AppointmentZone): ZoneMatch {
  const { definition, struct, description = "", year, preferred = [] } = item;
  const effective = definition === undefined ? undefined : effectiveRuleOf(definition);
  const isOvertaken = struct !== undefined && effective !== undefined && !sameRule(struct, effective);
  if (definition !== undefined && !isOvertaken) {
    const zone = zoneOfDefinition(definition) ?? (struct && zoneOfStruct(definition.keyName, struct));
    return matchZone({ ids: [definition.keyName, description], zone, year, preferred });
  }
  const zone = struct && zoneOfStruct(description, struct);
  return matchZone({ ids: [description], zone, year, preferred });
}
