/** What the owner of a mailbox that fills up reads, in their language. RFC 3834 §5: nothing answers it. */
import { Buffer } from "node:buffer";
import type { QuotaLevels, QuotaState } from "#directory/quota.ts";
import type { DisplayAddress } from "#format/mime/addresses.ts";
import { buildMessage } from "#format/mime/build.ts";
import { formatDate } from "#format/mime/date.ts";
import { addressField, idsField, rawField, textField } from "#format/mime/fields.ts";

/** States that the owner hears of. */
export type ToldState = Exclude<QuotaState, "fine">;

interface Texts {
  readonly from: string;
  readonly subject: Readonly<Record<ToldState, string>>;
  /** What holds now; {used} and {limit} are sizes. */
  readonly body: Readonly<Record<ToldState, string>>;
  readonly help: string;
}

const english: Texts = {
  from: "Mail server",
  subject: {
    warning: "Your mailbox is almost full", cannotSend: "Your mailbox is full: you cannot send",
    full: "Your mailbox is full: you cannot send or receive",
  },
  body: {
    warning: "Your mailbox holds {used} of {limit}. Soon you will not be able to send messages.",
    cannotSend: "Your mailbox holds {used} of {limit}. You can receive messages, but you cannot send any.",
    full: "Your mailbox holds {used} of {limit}. Messages to you are refused, and you cannot send any.",
  },
  help: "Delete what you no longer need, and empty Deleted Items. Large attachments take the most room.",
};

const translations: Readonly<Record<string, Texts>> = {
  en: english,
  de: {
    from: "Mailserver",
    subject: {
      warning: "Ihr Postfach ist fast voll", cannotSend: "Ihr Postfach ist voll: Sie können nicht senden",
      full: "Ihr Postfach ist voll: Sie können weder senden noch empfangen",
    },
    body: {
      warning: "Ihr Postfach enthält {used} von {limit}. Bald können Sie keine Nachrichten mehr senden.",
      cannotSend: "Ihr Postfach enthält {used} von {limit}. Sie können Nachrichten empfangen, aber keine senden.",
      full: "Ihr Postfach enthält {used} von {limit}. Nachrichten an Sie werden abgewiesen, und Sie können " +
        "keine senden.",
    },
    help: "Löschen Sie, was Sie nicht mehr brauchen, und leeren Sie den Ordner „Gelöschte Elemente“. " +
      "Große Anlagen brauchen den meisten Platz.",
  },
  fr: {
    from: "Serveur de messagerie",
    subject: {
      warning: "Votre boîte aux lettres est presque pleine",
      cannotSend: "Votre boîte aux lettres est pleine : vous ne pouvez plus envoyer",
      full: "Votre boîte aux lettres est pleine : vous ne pouvez plus envoyer ni recevoir",
    },
    body: {
      warning: "Votre boîte aux lettres contient {used} sur {limit}. Bientôt, vous ne pourrez plus envoyer " +
        "de messages.",
      cannotSend: "Votre boîte aux lettres contient {used} sur {limit}. Vous pouvez recevoir des messages, mais pas " +
        "en envoyer.",
      full: "Votre boîte aux lettres contient {used} sur {limit}. Les messages qui vous sont adressés sont refusés " +
        "et vous ne pouvez pas en envoyer.",
    },
    help: "Supprimez ce dont vous n'avez plus besoin et videz le dossier Éléments supprimés. Les pièces jointes " +
      "volumineuses prennent le plus de place.",
  },
  es: {
    from: "Servidor de correo",
    subject: {
      warning: "Su buzón está casi lleno", cannotSend: "Su buzón está lleno: no puede enviar",
      full: "Su buzón está lleno: no puede enviar ni recibir",
    },
    body: {
      warning: "Su buzón contiene {used} de {limit}. Pronto no podrá enviar mensajes.",
      cannotSend: "Su buzón contiene {used} de {limit}. Puede recibir mensajes, pero no enviarlos.",
      full: "Su buzón contiene {used} de {limit}. Los mensajes dirigidos a usted se rechazan y no puede " +
        "enviar ninguno.",
    },
    help: "Elimine lo que ya no necesite y vacíe la carpeta Elementos eliminados. Los archivos adjuntos grandes son " +
      "los que más ocupan.",
  },
  it: {
    from: "Server di posta",
    subject: {
      warning: "La cassetta postale è quasi piena", cannotSend: "La cassetta postale è piena: invio non possibile",
      full: "La cassetta postale è piena: invio e ricezione non possibili",
    },
    body: {
      warning: "La cassetta postale contiene {used} di {limit}. Tra poco non sarà possibile inviare messaggi.",
      cannotSend: "La cassetta postale contiene {used} di {limit}. È possibile ricevere messaggi, ma non inviarli.",
      full: "La cassetta postale contiene {used} di {limit}. I messaggi in arrivo vengono rifiutati e non è " +
        "possibile inviarne.",
    },
    help: "Eliminare ciò che non serve più e svuotare la cartella Posta eliminata. Gli allegati di grandi dimensioni " +
      "occupano più spazio.",
  },
  nl: {
    from: "Mailserver",
    subject: {
      warning: "Uw postvak is bijna vol", cannotSend: "Uw postvak is vol: u kunt niet verzenden",
      full: "Uw postvak is vol: u kunt niet verzenden of ontvangen",
    },
    body: {
      warning: "Uw postvak bevat {used} van {limit}. Binnenkort kunt u geen berichten meer verzenden.",
      cannotSend: "Uw postvak bevat {used} van {limit}. U kunt berichten ontvangen, maar niet verzenden.",
      full: "Uw postvak bevat {used} van {limit}. Berichten aan u worden geweigerd en u kunt er geen verzenden.",
    },
    help: "Verwijder wat u niet meer nodig hebt en maak de map Verwijderde items leeg. Grote bijlagen nemen de " +
      "meeste ruimte in.",
  },
  pl: {
    from: "Serwer poczty",
    subject: {
      warning: "Skrzynka pocztowa jest prawie pełna", cannotSend: "Skrzynka pocztowa jest pełna: nie można wysyłać",
      full: "Skrzynka pocztowa jest pełna: nie można wysyłać ani odbierać",
    },
    body: {
      warning: "Skrzynka pocztowa zawiera {used} z {limit}. Wkrótce nie będzie można wysyłać wiadomości.",
      cannotSend: "Skrzynka pocztowa zawiera {used} z {limit}. Można odbierać wiadomości, ale nie można ich wysyłać.",
      full: "Skrzynka pocztowa zawiera {used} z {limit}. Przychodzące wiadomości są odrzucane i nie można " +
        "wysyłać nowych.",
    },
    help: "Usuń niepotrzebne wiadomości i opróżnij folder Elementy usunięte. Najwięcej miejsca zajmują duże " +
      "załączniki.",
  },
  pt: {
    from: "Servidor de e-mail",
    subject: {
      warning: "Sua caixa de correio está quase cheia", cannotSend: "Sua caixa de correio está cheia: não é " +
        "possível enviar",
      full: "Sua caixa de correio está cheia: não é possível enviar nem receber",
    },
    body: {
      warning: "Sua caixa de correio contém {used} de {limit}. Em breve não será possível enviar mensagens.",
      cannotSend: "Sua caixa de correio contém {used} de {limit}. Você pode receber mensagens, mas não enviá-las.",
      full: "Sua caixa de correio contém {used} de {limit}. As mensagens para você são recusadas e não é " +
        "possível enviar.",
    },
    help: "Exclua o que não é mais necessário e esvazie a pasta Itens Excluídos. Anexos grandes ocupam mais espaço.",
  },
};

export interface QuotaMail {
  readonly owner: DisplayAddress;
  readonly language: string;
  readonly state: ToldState;
  readonly usedBytes: number;
  readonly levels: QuotaLevels;
  readonly nowMs: number;
  /** Unique, without angle brackets. */
  readonly messageId: string;
}

/** `1,5` or `1.5`, as the language writes numbers, with the unit. */
function sizeText(bytes: number, language: string): string {
  const [unit, size] = bytes >= 1024 ** 3 ? ["GB", 1024 ** 3] as const : ["MB", 1024 ** 2] as const;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: bytes < size ? 2 : 1 });
  return `${number.format(bytes / size)} ${unit}`;
}

/** The bytes of the message. RFC 3834 §5 */
export function buildQuotaMail(mail: QuotaMail): Uint8Array {
  const language = mail.language.toLowerCase().split(/[-_]/)[0]!;
  const known = translations[language];
  const [texts, numbers] = known === undefined ? [english, "en"] : [known, language];
  const { receiveBytes, sendBytes, warningBytes } = mail.levels;
  const domain = mail.owner.address.slice(mail.owner.address.lastIndexOf("@") + 1);
  const fill = (text: string): string => text.replaceAll(/\{(used|limit)\}/g, (_, name: string) =>
    sizeText(name === "used" ? mail.usedBytes : receiveBytes ?? sendBytes ?? warningBytes ?? 0, numbers));
  return Buffer.concat(buildMessage({
    fields: [
      rawField("Date", formatDate(mail.nowMs)),
      addressField("From", [{ name: texts.from, address: `postmaster@${domain}` }]),
      addressField("To", [mail.owner]),
      textField("Subject", texts.subject[mail.state]),
      idsField("Message-ID", [mail.messageId]),
      "Importance: high",
      "Auto-Submitted: auto-generated",
      "X-Auto-Response-Suppress: All",
    ],
    body: { kind: "text", text: `${fill(texts.body[mail.state])}\r\n\r\n${texts.help}\r\n` },
    boundarySeed: mail.messageId,
  }));
}
