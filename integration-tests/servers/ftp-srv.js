// ftp-srv as a server of one user: ADDRESS PORT ROOT USER PASSWORD
const { FtpSrv } = require("ftp-srv");

const [address, port, root, user, password] = process.argv.slice(2);
const host = address.includes(":") ? `[${address}]` : address;
const server = new FtpSrv({ url: `ftp://${host}:${port}`, pasv_url: () => address, pasv_min: 20000 });
server.on("login", (given, resolve, reject) => {
  const isRight = given.username === user && given.password === password;
  return isRight ? resolve({ root }) : reject(new Error("no such login"));
});
server.listen();
