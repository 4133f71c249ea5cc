/** Every module of this room that declares a procedure; the writer threads import this one file. */
import "#directory/address-book-changes.ts";
import "#directory/app-passwords.ts";
import "#directory/domain-changes.ts";
import "#directory/entry-changes.ts";
import "#directory/link-changes.ts";
import "#directory/oauth-rows.ts";
import "#directory/public-folders.ts";
import "#directory/published-calendars.ts";
import "#directory/second-factor.ts";
import "#directory/secrets.ts";
import "#directory/setting-changes.ts";
import "#directory/sign-in-log.ts";
import "#directory/web-sessions.ts";
