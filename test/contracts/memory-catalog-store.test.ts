import { createMemoryCatalogStore } from '../fakes/memory-catalog-store.ts';
import { describeCatalogStore } from './catalog-store.contract.ts';

describeCatalogStore('memory', async () => createMemoryCatalogStore());
