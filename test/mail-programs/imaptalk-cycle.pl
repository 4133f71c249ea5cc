# A whole cycle with Perl's Mail::IMAPTalk, the way of programs built on it: everything parsed into structures, literals
# both ways. Arguments: port, file of the authority, address, password. Dies at the first answer that is wrong.
use strict;
use warnings;
use IO::Socket::SSL;
use Mail::IMAPTalk;

my ($port, $ca, $user, $password) = @ARGV;
# Blocking: otherwise it takes a record of TLS that holds no data, as a session ticket, for the end.
my $imap = Mail::IMAPTalk->new(
  Server => "localhost", Port => $port, UseSSL => 1, UseBlocking => 1, Uid => 0,
  SSL_ca_file => $ca, SSL_verify_mode => SSL_VERIFY_PEER,
) or die "no greeting: $@";

# In scalar context, as only then it gives one answer.
sub must($$) {
  my ($what, $result) = @_;
  defined $result or die "$what: " . ($imap->get_last_error() // "") . "\n";
  return $result;
}
sub same($$$) {
  my ($what, $got, $wanted) = @_;
  $got eq $wanted or die "$what: got <$got>, wanted <$wanted>\n";
}
sub message {
  my ($subject, $body, $more) = @_;
  return "From: Outside <a\@outside.example>\r\nTo: <$user>\r\nSubject: $subject\r\n"
    . "Message-ID: <$subject\@talk>\r\nDate: Tue, 3 Feb 2026 04:05:06 +0000\r\n" . ($more // "") . "\r\n$body";
}

must("login", $imap->login($user, $password));
my $capability = must("capability", $imap->capability());
for my $name (qw(ACL SORT THREAD=REFERENCES UIDPLUS NAMESPACE QUOTA)) {
  $capability->{lc $name} or die "no $name in the capabilities\n";
}
must("namespace", $imap->namespace());

must("create", $imap->create("Talk"));
must("create", $imap->create("Talk/A \"quoted\" name"));
my %folders = map { $_->[2] => 1 } @{must("list", $imap->list("", "*"))};
$folders{"Talk/A \"quoted\" name"} or die "folders: " . join(", ", sort keys %folders) . "\n";

# Literals: bytes as they are, also such that no quoted string holds.
my $odd = message("odd", "8-bit \xe4\xf6\xfc\r\n.\r\n(\"\\) {3}\r\nabc\r\n");
my $large = message("large", "0123456789" x 100 . "\r\n" . "line\r\n" x 100_000);
must("append", $imap->append("Talk", "(\\Seen)", { Literal => $odd }));
must("append", $imap->append("Talk", "(\\Flagged)", " 3-Feb-2026 04:05:06 +0000", { Literal => $large }));
my $answer = message("Re: odd", "An answer.\r\n", "References: <odd\@talk>\r\n");
must("append", $imap->append("Talk", { Literal => $answer }));
must("append", $imap->append("Talk", { Literal => message("alpha", "Nothing.\r\n") }));

must("select", $imap->select("Talk"));
same("exists", $imap->get_response_code("exists"), 4);
must("uidvalidity", $imap->get_response_code("uidvalidity"));

my $all = must("fetch", $imap->fetch("1:*", "(uid flags rfc822.size internaldate envelope bodystructure)"));
same("fetched", scalar(keys %$all), 4);
same("size", $all->{1}->{"rfc822.size"}, length($odd));
same("subject", $all->{2}->{envelope}->{Subject}, "large");
same("from", $all->{2}->{envelope}->{From}, "\"Outside\" <a\@outside.example>");
same("flags", join(" ", grep { $_ ne "\\Recent" } @{$all->{2}->{flags}}), "\\Flagged");
same("type", $all->{2}->{bodystructure}->{"MIME-Subtype"}, "plain");
same("date", $all->{2}->{internaldate}, " 3-Feb-2026 04:05:06 +0000");
same("odd bytes", must("fetch", $imap->fetch(1, "body.peek[]"))->{1}->{body}, $odd);
same("large bytes", must("fetch", $imap->fetch(2, "body.peek[]"))->{2}->{body}, $large);

must("store", $imap->store("1:2", "+flags", "(\\Answered Work)"));
must("store", $imap->store("1", "-flags", "(\\Seen)"));
same("flags", join(" ", sort grep { $_ ne "\\Recent" } @{$imap->fetch(1, "flags")->{1}->{flags}}), "Work \\Answered");

same("search", join(" ", @{must("search", $imap->search("flagged"))}), "2");
same("search", join(" ", @{must("search", $imap->search("not", "answered"))}), "3 4");
same("search", join(" ", @{must("search", $imap->search("text", { Quote => "An answer" }))}), "3");
same("search", join(" ", @{must("search", $imap->search("subject", { Literal => "odd" }))}), "1 3");
same("sort", join(" ", @{must("sort", $imap->sort("(subject)", "US-ASCII", "all"))}), "4 2 1 3");
my $threads = must("thread", $imap->thread("REFERENCES", "US-ASCII", "all"));
same("threads", join(" ", map { ref $_ ? "(@$_)" : $_ } @$threads), "(1 3) (2) (4)");

# Rights.
must("acl", $imap->setacl("Talk", "bob\@example.test", "lr"));
my %rights = @{must("acl", $imap->getacl("Talk"))};
$rights{"bob\@example.test"} =~ /^lr/ or die "rights of bob: " . join(" ", %rights) . "\n";
must("acl", $imap->deleteacl("Talk", "bob\@example.test"));
%rights = @{must("acl", $imap->getacl("Talk"))};
exists $rights{"bob\@example.test"} and die "bob still has rights\n";
must("quota", $imap->getquotaroot("INBOX"));

# By UID from here on.
$imap->uid(1);
my @uids = @{must("search", $imap->search("all"))};
must("copy", $imap->copy($uids[3], "INBOX"));
must("copyuid", $imap->get_response_code("copyuid"));
must("move", $imap->move($uids[2], "INBOX"));
must("store", $imap->store($uids[3], "+flags", "(\\Deleted)"));
must("expunge", $imap->uidexpunge($uids[3]));
same("left", join(" ", @{must("search", $imap->search("all"))}), "$uids[0] $uids[1]");
same("status", must("status", $imap->status("INBOX", "(messages)"))->{messages}, 2);
must("delete", $imap->delete("Talk/A \"quoted\" name"));
defined $imap->select("Talk/A \"quoted\" name") and die "a folder that was deleted opens\n";
# That left no folder selected.
must("select", $imap->select("Talk"));
must("close", $imap->close());
$imap->logout();
print "done\n";
