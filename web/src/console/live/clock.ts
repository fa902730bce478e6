/** A clock for rates, which sink although nothing arrives. */

import { useEffect, useState } from "react";

/** Returns the present in milliseconds since 1970, with a new value every second. */
export function useClock(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return now;
}
