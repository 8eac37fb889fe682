// portal.ts PAGE: a captive portal. Port 8081 answers every question by a redirection to PAGE, port 8080 has that page.

import { once } from 'node:events';
import { createServer } from 'node:http';

const [page = ''] = process.argv.slice(2);
const redirecting = createServer((_request, response) => {
  response.writeHead(302, { location: page }).end();
});
const signIn = createServer((_request, response) => {
  response.end('please sign in\n');
});
redirecting.listen(8081);
signIn.listen(8080);
await Promise.all([once(redirecting, 'listening'), once(signIn, 'listening')]);
process.stdout.write('ready\n');
