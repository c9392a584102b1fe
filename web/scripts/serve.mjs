// Serves the playground on loopback with the two isolation headers: `npm start [-- port]`.

import { fileURLToPath } from 'node:url';

import { serve } from './server.mjs';

const folder = fileURLToPath(new URL('../dist/playground', import.meta.url));
const { url } = await serve(folder, { port: Number(process.argv[2] ?? 8080) });
console.log(`The playground is at ${url}`);
