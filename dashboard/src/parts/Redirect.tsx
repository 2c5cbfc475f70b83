import { type NavigateOptions, useNavigate } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

/** Goes to another screen, once: the router's own component goes again with every render until it has arrived. */
export function Redirect(props: NavigateOptions) {
  const navigate = useNavigate();
  const target = useRef(props);
  useEffect(() => void navigate({ ...target.current, replace: true }), [navigate]);
  return null;
}
