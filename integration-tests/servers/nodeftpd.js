// nodeftpd (npm: ftpd) as a server of one user: ADDRESS PORT ROOT USER PASSWORD
const { FtpServer } = require("ftpd");

const [address, port, root, user, password] = process.argv.slice(2);
const server = new FtpServer(address, { getInitialCwd: () => "/", getRoot: () => root });
server.on("client:connected", (connection) => {
  connection.on("command:user", (name, accept, refuse) => (name === user ? accept() : refuse()));
  connection.on("command:pass", (given, accept, refuse) => (given === password ? accept(user) : refuse()));
});
server.listen(Number(port), address);
