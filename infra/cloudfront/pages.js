// Rewrites each path of a page's own routes to the file of that page. The paths of files stay as they are.
function handler(event) {
  var request = event.request;
  if (!/^\/(assets\/.*|(console\/)?[^/]+\.[a-z0-9]+)$/.test(request.uri)) {
    request.uri = /^\/console(\/|$)/.test(request.uri) ? '/console/index.html' : '/index.html';
  }
  return request;
}
