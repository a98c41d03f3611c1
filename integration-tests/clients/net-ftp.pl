# Perl's Net::FTP, with IO::Socket::SSL inside TLS.
use strict;
use warnings;
use Net::FTP;

my %env = %ENV;
my $kind = $env{FTP_TLS};
my %options = (Host => $env{FTP_HOST}, Port => $env{FTP_PORT}, Timeout => 60, Passive => $env{FTP_MODE} eq 'passive' ? 1 : 0);
if ($kind ne 'clear') {
    my %version = ('1.2' => 'TLSv1_2', '1.3' => 'TLSv1_3');
    %options = (%options, SSL => $kind eq 'implicit' ? 1 : 0, SSL_verify_mode => 0, SSL_version => $version{$env{FTP_TLS_VERSION}});
}
my $ftp = Net::FTP->new(%options) or die "connect: $@";

sub ok {
    my ($what, $result) = @_;
    $result or die "$what: " . $ftp->message;
}

ok('AUTH', $ftp->starttls) if $kind eq 'explicit';
ok('login', $ftp->login($env{FTP_LOGIN}, $env{FTP_PASSWORD}));
ok('PROT', $ftp->prot('P')) if $kind ne 'clear';
ok('TYPE', $ftp->binary);

sub bytes {
    my ($name, $from) = @_;
    open my $file, '<:raw', $name or die "$name: $!";
    seek $file, $from, 0;
    return $file;
}

my %steps = (
    'list' => sub {
        my @names = $ftp->ls('d');
        open my $file, '>', 'listing' or die;
        print $file join("\n", @names, $ftp->dir('d'));
        close $file;
    },
    'download' => sub { ok('get', $ftp->get('d/a.bin', 'whole')) },
    'resume-download' => sub { ok('get', $ftp->get('d/a.bin', 'part', 70000)) },
    'upload' => sub { ok('put', $ftp->put('content', 'up.bin')) },
    'resume-upload' => sub { ok('append', $ftp->append(bytes('content', 70000), 'half.bin')) },
    'rename' => sub { ok('rename', $ftp->rename('old.bin', 'new.bin')) },
    'delete' => sub { ok('delete', $ftp->delete('gone.bin')) },
    'abort' => sub {
        my $data = $ftp->retr('big.bin') or die $ftp->message;
        my $some;
        $data->read($some, 1000) > 0 or die "nothing came";
        $data->abort;
        ok('get', $ftp->get('d/a.bin', 'after'));
    },
);
$| = 1;
for my $step (@ARGV) {
    print "$step\n";
    $steps{$step}->();
}
$ftp->quit;
