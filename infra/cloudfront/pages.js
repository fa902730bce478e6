// Answers the paths of the pages' own routes with the page that has the route. Files are what they are.
function handler(event) {
  var request = event.request;
  if (!/^\/(assets\/.*|(console\/)?[^/]+\.[a-z0-9]+)$/.test(request.uri)) {
    request.uri = /^\/console(\/|$)/.test(request.uri) ? '/console/index.html' : '/index.html';
  }
  return request;
}
