// nodeftpd (npm: ftpd) as a server of one user: ADDRESS PORT ROOT USER PASSWORD [CERTIFICATE]
const fs = require("fs");
const { FtpServer } = require("ftpd");

const [address, port, root, user, password, certificate] = process.argv.slice(2);
const pem = certificate && fs.readFileSync(certificate);
const tlsOptions = pem && { key: pem, cert: pem };
const server = new FtpServer(address, { tlsOptions, tlsOnly: !!pem, getInitialCwd: () => "/", getRoot: () => root });
server.on("client:connected", (connection) => {
  connection.on("command:user", (name, accept, refuse) => (name === user ? accept() : refuse()));
  connection.on("command:pass", (given, accept, refuse) => (given === password ? accept(user) : refuse()));
});
server.listen(Number(port), address);
