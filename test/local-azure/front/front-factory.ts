import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Front, FrontFactory, FrontOptions } from '../contracts.ts';
import type { Certificate } from './certificate.ts';
import { createGate, type GateParts } from './gate.ts';

/** Longer than any client keeps an idle connection, so that the server is never the one to close. */
const keepAliveTimeoutMs = 75_000;

export interface LocalFrontFactory extends FrontFactory {
  /** As `start`, without TLS: the managed-identity endpoint of App Service is plain http. */
  startPlain(options: FrontOptions): Promise<Front>;
  closeAll(): Promise<void>;
}

export interface FrontFactoryOptions extends GateParts {
  readonly certificate: Certificate;
}

export function createFrontFactory(options: FrontFactoryOptions): LocalFrontFactory {
  const { certificate } = options;
  const fronts: Front[] = [];
  const sockets = new Map<string, Set<Socket>>();

  options.regions.onChange((region, isOff) => {
    if (!isOff) return;
    for (const socket of sockets.get(region) ?? []) socket.destroy();
  });

  async function listen(
    server: HttpServer | HttpsServer,
    scheme: 'http' | 'https',
    front: FrontOptions,
  ): Promise<Front> {
    server.keepAliveTimeout = keepAliveTimeoutMs;
    server.headersTimeout = keepAliveTimeoutMs + 1_000;
    server.requestTimeout = 0;
    const region = front.region?.toLowerCase();
    const own = new Set<Socket>();
    if (region !== undefined) {
      const known = sockets.get(region) ?? new Set<Socket>();
      sockets.set(region, known);
      server.on('connection', (socket: Socket) => {
        if (options.regions.isOff(region)) socket.destroy();
        known.add(socket);
        socket.once('close', () => known.delete(socket));
      });
    }
    server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      own.add(socket);
      socket.once('close', () => own.delete(socket));
    });
    server.on('clientError', (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(front.port ?? 0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const started: Front = {
      service: front.service,
      port,
      origin: `${scheme}://127.0.0.1:${port}`,
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of own) socket.destroy();
        }),
    };
    fronts.push(started);
    return started;
  }

  return {
    certificatePem: certificate.certificatePem,
    certificateFile: certificate.certificateFile,
    keyFile: certificate.keyFile,
    start: (front) =>
      listen(
        createHttpsServer(
          { key: certificate.keyPem, cert: certificate.certificatePem },
          createGate(front, options),
        ),
        'https',
        front,
      ),
    startPlain: (front) => listen(createHttpServer(createGate(front, options)), 'http', front),
    async closeAll() {
      await Promise.all(fronts.splice(0).map((front) => front.close()));
    },
  };
}
