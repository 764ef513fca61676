// A page with a text to copy and nothing else to do.

import { offerCopy } from "./copy.js";

offerCopy(document);
