/** Names of the folders of a new mailbox, by language; what Outlook in that language shows. */
import type { FolderRole } from "#mailbox/roles.ts";

/** Folders no person sees keep their English names in every language. */
const english: Record<FolderRole, string> = {
  root: "Root", deferredAction: "Deferred Action", spoolerQueue: "Spooler Queue",
  ipmSubtree: "Top of Information Store", inbox: "Inbox", outbox: "Outbox", sentItems: "Sent Items",
  deletedItems: "Deleted Items", commonViews: "Common Views", schedule: "Schedule", finder: "Finder", views: "Views",
  shortcuts: "Shortcuts", drafts: "Drafts", calendar: "Calendar", contacts: "Contacts", journal: "Journal",
  notes: "Notes", tasks: "Tasks", reminders: "Reminders", junkEmail: "Junk Email", syncIssues: "Sync Issues",
  conflicts: "Conflicts", localFailures: "Local Failures", serverFailures: "Server Failures", rssFeeds: "RSS Feeds",
  trackedMail: "Tracked Mail Processing", toDo: "To-Do Search", conversationActions: "Conversation Action Settings",
  quickSteps: "Quick Step Settings", suggestedContacts: "Suggested Contacts", contactSearch: "Contact Search",
  imContactList: "IM Contact List", quickContacts: "Quick Contacts", freeBusyData: "Freebusy Data",
  archive: "Archive", conversationHistory: "Conversation History", recoverableItems: "Recoverable Items",
  recoverableDeletions: "Deletions", recoverableVersions: "Versions", recoverablePurges: "Purges",
  recoverableDiscoveryHolds: "DiscoveryHolds", recoverableAudits: "Audits",
  recoverableCalendarLogging: "Calendar Logging", allItems: "AllItems", nonIpmSubtree: "NON_IPM_SUBTREE",
  eformsRegistry: "EFORMS REGISTRY", publicFreeBusy: "SCHEDULE+ FREE BUSY", publicAddressBook: "OFFLINE ADDRESS BOOK",
};

type Seen =
  | "inbox" | "outbox" | "sentItems" | "deletedItems" | "drafts" | "calendar" | "contacts" | "journal" | "notes"
  | "tasks" | "junkEmail" | "syncIssues" | "conflicts" | "localFailures" | "serverFailures" | "rssFeeds" | "archive"
  | "conversationHistory" | "suggestedContacts";

const translations: Record<string, Record<Seen, string>> = {
  de: {
    inbox: "Posteingang", outbox: "Postausgang", sentItems: "Gesendete Elemente", deletedItems: "Gelöschte Elemente",
    drafts: "Entwürfe", calendar: "Kalender", contacts: "Kontakte", journal: "Journal", notes: "Notizen",
    tasks: "Aufgaben", junkEmail: "Junk-E-Mail", syncIssues: "Synchronisierungsprobleme", conflicts: "Konflikte",
    localFailures: "Lokale Fehler", serverFailures: "Serverfehler", rssFeeds: "RSS-Feeds", archive: "Archiv",
    conversationHistory: "Unterhaltungsverlauf", suggestedContacts: "Vorgeschlagene Kontakte",
  },
  fr: {
    inbox: "Boîte de réception", outbox: "Boîte d'envoi", sentItems: "Éléments envoyés",
    deletedItems: "Éléments supprimés", drafts: "Brouillons", calendar: "Calendrier", contacts: "Contacts",
    journal: "Journal", notes: "Notes", tasks: "Tâches", junkEmail: "Courrier indésirable",
    syncIssues: "Problèmes de synchronisation", conflicts: "Conflits", localFailures: "Échecs locaux",
    serverFailures: "Échecs du serveur", rssFeeds: "Flux RSS", archive: "Archive",
    conversationHistory: "Historique des conversations", suggestedContacts: "Contacts suggérés",
  },
  es: {
    inbox: "Bandeja de entrada", outbox: "Bandeja de salida", sentItems: "Elementos enviados",
    deletedItems: "Elementos eliminados", drafts: "Borradores", calendar: "Calendario", contacts: "Contactos",
    journal: "Diario", notes: "Notas", tasks: "Tareas", junkEmail: "Correo no deseado",
    syncIssues: "Problemas de sincronización", conflicts: "Conflictos", localFailures: "Errores locales",
    serverFailures: "Errores del servidor", rssFeeds: "Fuentes RSS", archive: "Archivo",
    conversationHistory: "Historial de conversaciones", suggestedContacts: "Contactos sugeridos",
  },
  it: {
    inbox: "Posta in arrivo", outbox: "Posta in uscita", sentItems: "Posta inviata", deletedItems: "Posta eliminata",
    drafts: "Bozze", calendar: "Calendario", contacts: "Contatti", journal: "Diario", notes: "Note",
    tasks: "Attività", junkEmail: "Posta indesiderata", syncIssues: "Problemi di sincronizzazione",
    conflicts: "Conflitti", localFailures: "Errori locali", serverFailures: "Errori server", rssFeeds: "Feed RSS",
    archive: "Archivio", conversationHistory: "Cronologia conversazioni", suggestedContacts: "Contatti suggeriti",
  },
  nl: {
    inbox: "Postvak IN", outbox: "Postvak UIT", sentItems: "Verzonden items", deletedItems: "Verwijderde items",
    drafts: "Concepten", calendar: "Agenda", contacts: "Contactpersonen", journal: "Logboek", notes: "Notities",
    tasks: "Taken", junkEmail: "Ongewenste e-mail", syncIssues: "Synchronisatieproblemen", conflicts: "Conflicten",
    localFailures: "Lokale fouten", serverFailures: "Serverfouten", rssFeeds: "RSS-feeds", archive: "Archief",
    conversationHistory: "Gespreksgeschiedenis", suggestedContacts: "Voorgestelde contactpersonen",
  },
  pl: {
    inbox: "Skrzynka odbiorcza", outbox: "Skrzynka nadawcza", sentItems: "Elementy wysłane",
    deletedItems: "Elementy usunięte", drafts: "Wersje robocze", calendar: "Kalendarz", contacts: "Kontakty",
    journal: "Dziennik", notes: "Notatki", tasks: "Zadania", junkEmail: "Wiadomości-śmieci",
    syncIssues: "Problemy z synchronizacją", conflicts: "Konflikty", localFailures: "Błędy lokalne",
    serverFailures: "Błędy serwera", rssFeeds: "Źródła danych RSS", archive: "Archiwum",
    conversationHistory: "Historia konwersacji", suggestedContacts: "Sugerowane kontakty",
  },
  pt: {
    inbox: "Caixa de Entrada", outbox: "Caixa de Saída", sentItems: "Itens Enviados", deletedItems: "Itens Excluídos",
    drafts: "Rascunhos", calendar: "Calendário", contacts: "Contatos", journal: "Diário", notes: "Anotações",
    tasks: "Tarefas", junkEmail: "Lixo Eletrônico", syncIssues: "Problemas de Sincronização", conflicts: "Conflitos",
    localFailures: "Falhas Locais", serverFailures: "Falhas do Servidor", rssFeeds: "RSS Feeds",
    archive: "Arquivo Morto",
    conversationHistory: "Histórico de Conversas", suggestedContacts: "Contatos Sugeridos",
  },
};

/** Languages with folder names of their own; any other gets English. */
export const folderLanguages: readonly string[] = ["en", ...Object.keys(translations)];

/** Names for a language tag such as `de`, `de-CH` or `pt_BR`. */
export function folderNames(language: string): Record<FolderRole, string> {
  const primary = language.toLowerCase().split(/[-_]/)[0]!;
  return { ...english, ...translations[primary] };
}
