# Ruby's Net::FTP.
require 'net/ftp'
require 'openssl'

kind = ENV['FTP_TLS']
options = { port: Integer(ENV['FTP_PORT']), username: ENV['FTP_LOGIN'], password: ENV['FTP_PASSWORD'],
            passive: ENV['FTP_MODE'] == 'passive', open_timeout: 60, read_timeout: 60 }
unless kind == 'clear'
  version = { '1.2' => OpenSSL::SSL::TLS1_2_VERSION, '1.3' => OpenSSL::SSL::TLS1_3_VERSION }[ENV['FTP_TLS_VERSION']]
  options[:ssl] = { verify_mode: OpenSSL::SSL::VERIFY_NONE, min_version: version, max_version: version }
  options[:implicit_ftps] = kind == 'implicit'
  options[:private_data_connection] = true
end
ftp = Net::FTP.new(ENV['FTP_HOST'], **options)

steps = {
  'list' => -> { File.write('listing', (ftp.nlst('d') + ftp.list('d') + ftp.mlsd('d').map(&:pathname)).join("\n")) },
  'download' => -> { ftp.getbinaryfile('d/a.bin', 'whole') },
  'resume-download' => lambda {
    ftp.resume = true
    ftp.getbinaryfile('d/a.bin', 'part')
    ftp.resume = false
  },
  'upload' => -> { ftp.putbinaryfile('content', 'up.bin') },
  'resume-upload' => lambda {
    ftp.resume = true
    ftp.putbinaryfile('content', 'half.bin')
    ftp.resume = false
  },
  'rename' => -> { ftp.rename('old.bin', 'new.bin') },
  'delete' => -> { ftp.delete('gone.bin') },
  'abort' => lambda {
    begin
      ftp.retrbinary('RETR big.bin', 1000) { |_| raise 'enough' }
      abort 'the download was not stopped'
    rescue RuntimeError
      ftp.abort # it reads 426, and leaves the reply to ABOR
      ftp.send(:voidresp)
    end
    ftp.getbinaryfile('d/a.bin', 'after')
  }
}
ARGV.each do |step|
  puts step
  $stdout.flush
  steps.fetch(step).call
end
ftp.close
